package proof

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// LeafOfBlock is the leaf of a block whose canonical bytes have the hash. It
// counts the records and reads none, so it is for blocks that somebody has
// verified.
func LeafOfBlock(canonical []byte, hash chain.Hash) (Leaf, error) {
	l := Leaf{Hash: hash}
	s := pyjson.NewScanner(canonical)
	err := s.Object(func(key string) (err error) {
		switch key {
		case "index":
			l.Index, err = scanCount(s)
		case "previous_hash":
			l.PreviousHash, err = s.String()
		case "timestamp":
			l.Timestamp, err = scanTimestamp(s)
		case "transactions":
			err = s.Array(func(int) error {
				l.Transactions++
				return nil
			})
		case "transactions_root":
			l.Root, err = scanHash(s)
		}
		return err
	})
	if err == nil {
		err = s.End()
	}
	if err == nil {
		err = l.validate()
	}
	if err != nil {
		return Leaf{}, fmt.Errorf("%w: of block %s: %w", ErrLeaf, hash, err)
	}
	return l, nil
}
