package node

import (
	"context"
	"fmt"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store"
)

// Evidence is what a member can prove of its chains, as the API asks for it.
type Evidence struct {
	*store.Store
	Quorum    attest.Quorum
	Witnesses []proof.Cosigner
}

// Checkpoint puts together what the members have said in the log.
func (e Evidence) Checkpoint(token string) ([]byte, error) {
	note, _, _, err := e.newest(token)
	return note, err
}

func (e Evidence) newest(token string) (note []byte, size uint64, more <-chan struct{}, err error) {
	info, err := e.Contract(token)
	if err != nil {
		return nil, 0, nil, err
	}
	said, more, err := e.Attestations(token)
	if err != nil {
		return nil, 0, nil, err
	}
	note, c, err := e.Quorum.Newest(&info, said)
	return note, c.Size, more, err
}

// WaitCheckpoint waits for more words of members.
func (e Evidence) WaitCheckpoint(ctx context.Context, token string, size uint64) error {
	for {
		_, covered, more, err := e.newest(token)
		if more == nil {
			return err
		}
		if covered >= size {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Policy asks for a majority of the members, with the keys that they have
// announced, and names all chains: it is the same for each.
func (e Evidence) Policy(string) ([]byte, error) {
	var members []proof.Cosigner
	for _, id := range e.Quorum.Members {
		m := e.Member(id)
		if m.Key == "" {
			return nil, fmt.Errorf("%w: %s has not announced its key", chain.NotFound, id)
		}
		key, err := proof.ParseVerifierKey(m.Key)
		if err != nil {
			return nil, fmt.Errorf("the key of %s: %w", id, err)
		}
		members = append(members, proof.Cosigner{Name: id, Key: key, URL: m.URL})
	}
	var chains []proof.Chain
	for _, info := range e.Contracts() {
		if info.Length > 0 {
			chains = append(chains, proof.Chain{Token: info.Contract.Token, ID: info.ID})
		}
	}
	p, err := proof.NewPolicy(members, e.Quorum.Majority, e.Witnesses, e.Quorum.Required, chains...)
	if err != nil {
		return nil, err
	}
	return []byte(p.String()), nil
}
