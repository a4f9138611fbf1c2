package chainsync

import (
	"context"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Checkpoint is the newest note of a chain that as many have signed as its
// policy asks for, and whose root is that of our blocks. It fails with
// chain.NotFound while there is none, and with chain.ContractUnknown.
func (s *Syncer) Checkpoint(token string) ([]byte, error) {
	t, err := s.tracker(token)
	if err != nil {
		return nil, err
	}
	newest, _ := t.checkpoints.newest()
	if newest == nil {
		return nil, fmt.Errorf("%w: no checkpoint of %s has been verified yet", chain.NotFound, token)
	}
	return newest.note, nil
}

// WaitCheckpoint returns once Checkpoint covers so many blocks, or with ctx's
// cause.
func (s *Syncer) WaitCheckpoint(ctx context.Context, token string, size uint64) error {
	t, err := s.tracker(token)
	if err != nil {
		return err
	}
	return waitFor(ctx, func() (bool, <-chan struct{}) {
		newest, more := t.checkpoints.newest()
		return newest != nil && newest.size() >= size, more
	})
}

// Policy is the text of the newest policy that a chain goes by; it names the
// chain. It fails with chain.NotFound while none is known, and with
// chain.ContractUnknown.
func (s *Syncer) Policy(token string) ([]byte, error) {
	t, h, err := s.policies(token)
	if err != nil {
		return nil, err
	}
	p := h.Newest()
	if at := t.writer.head(); at.length > 0 { // as given, it may name none, or others too; who asks wants to know of this chain
		majority, quorum := p.Required()
		if p, err = proof.NewPolicy(p.Members(), majority, p.Witnesses(), quorum, proof.Chain{Token: token, ID: at.id}); err != nil {
			return nil, err
		}
	}
	return []byte(p.String()), nil
}

// Policies is the text of the policy of that number and of handovers that came
// after it, as many as one answer holds; from the first that is known where none
// has that number, and chain.NotFound beyond the newest. A recovery that this node
// waits at is among them.
func (s *Syncer) Policies(token string, from int) ([]byte, error) {
	_, h, err := s.policies(token)
	if err != nil {
		return nil, err
	}
	return h.From(from, handoversAnAnswer)
}

// policies are those of a chain.
func (s *Syncer) policies(token string) (*tracker, *proof.History, error) {
	t, err := s.tracker(token)
	if err != nil {
		return nil, nil, err
	}
	h, _ := t.checkpoints.signedBy()
	if h == nil {
		return nil, nil, fmt.Errorf("%w: nobody has said yet who signs for %s", chain.NotFound, token)
	}
	return t, h, nil
}
