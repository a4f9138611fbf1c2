package audit

import (
	"bytes"
	"fmt"

	"github.com/bpsc/bpsc/chain/proof"
)

// Checkpoint is a checkpoint that blocks are held against.
type Checkpoint struct {
	proof.Checkpoint
	Judged    bool           // by a policy: who signed it is known
	Members   []proof.Signer // who signed, where judged
	Of        int            // how many members the policy has
	Witnesses []proof.Signer
}

// choose takes the first note that its policy takes, or without policies that
// with the most signatures. There need be none without policies.
func choose(notes [][]byte, policies *proof.History) (*Checkpoint, error) {
	if policies == nil {
		return mostSigned(notes)
	}
	var refused error // why the policy does not take the newest
	for _, note := range notes {
		v, err := judged(policies, note)
		if err == nil {
			return v, nil
		}
		if refused == nil {
			refused = Invalid(fmt.Errorf("checkpoint: %w", err))
		}
	}
	if refused == nil {
		refused = invalid("%w: there is no checkpoint", proof.ErrMinority)
	}
	return nil, refused
}

// judged finds who signed a note, by the policy of its size.
func judged(policies *proof.History, note []byte) (*Checkpoint, error) {
	v, err := policies.Verify(note, "")
	if err != nil {
		return nil, err
	}
	by, err := policies.For(v.Checkpoint.Origin, v.Checkpoint.Size)
	if err != nil {
		return nil, err
	}
	return &Checkpoint{v.Checkpoint, true, v.Members, len(by.Members()), v.Witnesses}, nil
}

func mostSigned(notes [][]byte) (*Checkpoint, error) {
	var best []byte
	for _, note := range notes {
		if best == nil || signatures(note) > signatures(best) {
			best = note
		}
	}
	if len(notes) == 0 {
		return nil, nil
	}
	c, err := proof.ReadCheckpoint(best)
	return &Checkpoint{Checkpoint: c}, Invalid(err)
}

// signatures counts the lines of a note that look like one.
func signatures(note []byte) int { return bytes.Count(note, []byte("\n\u2014 ")) }
