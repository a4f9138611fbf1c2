package attest

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// AsLog puts this member's signature for the log itself on a checkpoint that a
// majority has signed, for those who ask for one: see proof.SignAsLog. It signs what
// it has attested, or what lies before that, so its journal keeps it from ever signing
// two that contradict each other; and it looks at its own log of headers, stored,
// whatever the majority says. Where it may not sign, the note stays as it is.
func AsLog(note []byte, member string, key proof.SigningKey, said []chain.Attestation, stored tlog.HashReader) ([]byte, error) {
	c, err := proof.ReadCheckpoint(note)
	if err != nil {
		return nil, err
	}
	attested := func(a chain.Attestation) bool { return a.Member == member && a.Size >= c.Size }
	if !slices.ContainsFunc(said, attested) {
		return note, nil
	}
	root, err := tlog.TreeHash(int64(c.Size), stored)
	if err != nil {
		return nil, err
	}
	if chain.Hash(root) != c.Root {
		return note, nil
	}
	return proof.SignAsLog(note, key)
}
