package attest

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// AsLog puts a member's signature for the log itself on a checkpoint that a majority has
// signed, for those who ask for one: see proof.SignAsLog. It signs what its own log of
// headers, stored, says as well, whether or not it has attested that yet: the blocks are
// in its Raft log, which does not forget them. Else the note stays as it is.
func AsLog(note []byte, key proof.SigningKey, stored tlog.HashReader) ([]byte, error) {
	c, err := proof.ReadCheckpoint(note)
	if err != nil {
		return nil, err
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
