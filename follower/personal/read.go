package personal

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/bpsc/bpsc/chain"
)

// Blocks calls yield for the blocks from that index on, at most limit of them;
// 0 is all that there are now. Each block's hash and its link to the one before
// are checked first; ErrDamaged comes behind the last good block. yield may keep
// the bytes and may take its time: the file is read in short runs, between which
// nothing is held.
func (c *Chain) Blocks(from, limit uint64, yield func(index uint64, canonical []byte) error) error {
	next, last := max(from, 1), c.Length()
	if next <= last && limit > 0 {
		last = min(last, next-1+min(limit, last))
	}
	for next <= last {
		run, err := c.readRun(next, last)
		for _, text := range run {
			if err := yield(next, text); err != nil {
				return err
			}
			next++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readRun returns copies of the first blocks of a span, at least one if there is
// no error.
func (c *Chain) readRun(first, last uint64) (run [][]byte, err error) {
	size := 0
	err = c.view(func(tx *bbolt.Tx) error {
		return walkBlocks(tx, first, min(last, first+runBlocks-1), func(text []byte, _ chain.Hash) bool {
			run = append(run, bytes.Clone(text))
			size += len(text)
			return size < runBytes
		})
	})
	return run, err
}

// walkBlocks checks the blocks of a span one after the other and visits each
// until visit says that it is enough.
func walkBlocks(tx *bbolt.Tx, first, last uint64, visit func(text []byte, hash chain.Hash) bool) error {
	blocks := tx.Bucket(bucketBlocks)
	previous := chain.GenesisPrevious
	if first > 1 {
		var hash chain.Hash
		copy(hash[:], blocks.Get(key(first-1)))
		previous = hash.String()
	}
	cursor := blocks.Cursor()
	k, v := cursor.Seek(key(first))
	for index := first; index <= last; index++ {
		if !bytes.Equal(k, key(index)) {
			return fmt.Errorf("%w: there is no block %d", ErrDamaged, index)
		}
		text, hash, err := unseal(v)
		if err != nil {
			return fmt.Errorf("block %d: %w", index, err)
		}
		if !follows(text, index, previous) {
			return fmt.Errorf("%w: block %d does not follow the one before", ErrDamaged, index)
		}
		if !visit(text, hash) {
			return nil
		}
		previous = hash.String()
		k, v = cursor.Next()
	}
	return nil
}

// view reads from the file.
func (c *Chain) view(read func(tx *bbolt.Tx) error) error {
	err := guarded(func() error { return c.db.View(read) })
	if isClosed(err) {
		return ErrClosed
	}
	return err
}
