package personal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"

	"github.com/bpsc/bpsc/chain"
)

// inspect verifies the file without changing it, and returns its state.
func inspect(path string) (s state, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, fmt.Errorf("personal: %w", err)
	}
	if info.Size() == 0 { // bbolt would begin a new one
		return s, fmt.Errorf("%s: %w: it is empty", path, ErrDamaged)
	}
	o := options()
	o.ReadOnly = true
	db, err := openFile(path, o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = guarded(func() error {
		if err := checkFile(path, int64(db.Info().PageSize)); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return db.View(func(tx *bbolt.Tx) error {
			if err := s.get(tx); err != nil {
				return err
			}
			return s.verify(tx)
		})
	})
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// verify checks the first block, the end of the chain, that it ends where the
// state says, and what is pending.
func (s *state) verify(tx *bbolt.Tx) error {
	all := func([]byte, chain.Hash) bool { return true }
	if err := walkBlocks(tx, 1, 1, all); err != nil {
		return err
	}
	first, last := tail(tx)
	if last != s.Length {
		return fmt.Errorf("%w: the last block is %d, not %d", ErrDamaged, last, s.Length)
	}
	var tip chain.Hash
	err := walkBlocks(tx, first, last, func(_ []byte, hash chain.Hash) bool {
		tip = hash
		return true
	})
	if err != nil {
		return err
	}
	if tip != s.Tip {
		return fmt.Errorf("%w: the last block is another", ErrDamaged)
	}
	return walkItems(tx, s, func([]byte) {})
}

// tail finds the last block and the first of those that are to be verified with
// it.
func tail(tx *bbolt.Tx) (first, last uint64) {
	cursor := tx.Bucket(bucketBlocks).Cursor()
	size := 0
	for k, v := cursor.Last(); len(k) == 8 && size < verifyBytes; k, v = cursor.Prev() {
		first = binary.BigEndian.Uint64(k)
		last = max(last, first)
		size += len(v)
	}
	return first, last
}
