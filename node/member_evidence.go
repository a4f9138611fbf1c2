package node

import (
	"context"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store"
)

// Evidence is what a member can prove of its chains, as the API asks for it.
type Evidence struct {
	policies
	key *proof.SigningKey // of the member, which signs as the log as well; nil: nobody does
}

// NewEvidence is what the state in a store proves, together with witnesses that are
// configured, of whom so many are required.
func NewEvidence(s *store.Store, witnesses []proof.Cosigner, required int) Evidence {
	return Evidence{policies: policies{s, witnesses, required}}
}

// Checkpoint puts together what the members have said in the log.
func (e Evidence) Checkpoint(token string) ([]byte, error) {
	note, _, _, err := e.checkpoint(token)
	if err != nil || e.key == nil {
		return note, err
	}
	return attest.AsLog(note, *e.key, e.LogHashes(token))
}

func (e Evidence) checkpoint(token string) (note []byte, size uint64, more <-chan struct{}, err error) {
	info, err := e.Contract(token)
	if err != nil {
		return nil, 0, nil, err
	}
	said, more, err := e.Attestations(token)
	if err != nil {
		return nil, 0, nil, err
	}
	note, c, err := attest.Newest(func(size uint64) attest.Quorum { return e.Quorum(token, size) }, &info, said)
	return note, c.Size, more, err
}

// WaitCheckpoint waits for more words of members.
func (e Evidence) WaitCheckpoint(ctx context.Context, token string, size uint64) error {
	for {
		_, covered, more, err := e.checkpoint(token)
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

// Policy is the newest one, for a chain; "": for any of these members.
func (e Evidence) Policy(token string) ([]byte, error) {
	p, err := e.newest(token)
	if err != nil {
		return nil, err
	}
	return []byte(p.String()), nil
}

// Policies is the text of the history of policies from a number on, the same for each
// chain: what proof.ParseHistory reads.
func (e Evidence) Policies(_ string, from int) ([]byte, error) { return e.history(from) }
