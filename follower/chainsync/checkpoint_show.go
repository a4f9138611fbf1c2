package chainsync

import (
	"context"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// newest is the checkpoint to show, or nil, and what is closed when there may
// be another.
func (c *checkpoints) newest() (*claim, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || c.kept.verdict != ours {
		return nil, c.more
	}
	return c.kept, c.more
}

// Checkpoint is the newest note of a chain that as many have signed as its
// policy asks for, and whose root is that of our blocks. It fails with
// chain.NotFound while there is none, and with chain.ContractUnknown.
func (f *Follower) Checkpoint(token string) ([]byte, error) {
	s, err := f.chain(token)
	if err != nil {
		return nil, err
	}
	newest, _ := s.signed.newest()
	if newest == nil {
		return nil, fmt.Errorf("%w: no checkpoint of %s has been verified yet", chain.NotFound, token)
	}
	return newest.note, nil
}

// WaitCheckpoint returns once Checkpoint covers so many blocks, or with ctx's
// error.
func (f *Follower) WaitCheckpoint(ctx context.Context, token string, size uint64) error {
	s, err := f.chain(token)
	if err != nil {
		return err
	}
	for {
		newest, more := s.signed.newest()
		if newest != nil && newest.size() >= size {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Policy is the text of the policy that a chain goes by; it names the chain. It
// fails with chain.NotFound while none is known, and with chain.ContractUnknown.
func (f *Follower) Policy(token string) ([]byte, error) {
	s, err := f.chain(token)
	if err != nil {
		return nil, err
	}
	s.signed.mu.Lock()
	p := s.signed.policy
	s.signed.mu.Unlock()
	if p == nil {
		return nil, fmt.Errorf("%w: nobody has said yet who signs for %s", chain.NotFound, token)
	}
	origin, begun := s.origin()
	if begun && len(p.Chains()) == 0 { // as given; who asks wants to know of this chain
		majority, quorum := p.Required()
		if p, err = proof.NewPolicy(p.Members(), majority, p.Witnesses(), quorum, origin); err != nil {
			return nil, err
		}
	}
	return []byte(p.String()), nil
}

// origin names the chain; false while it has not begun.
func (s *syncer) origin() (proof.Chain, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tip == 0 {
		return proof.Chain{}, false
	}
	return proof.Chain{Token: s.token, ID: s.chainID}, true
}
