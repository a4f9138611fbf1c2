package personal

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/bpsc/bpsc/chain"
)

// Forge makes a block of what is pending, of nothing too, and returns it once it
// is on disk. The error is ErrDamaged, ErrBroken or ErrClosed.
func (c *Chain) Forge() (Block, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.state
	items, err := c.items()
	if err != nil {
		return Block{}, err
	}
	micros := next.next(c.now())
	b := newBlock(next.Length+1, items, next.Tip.String(), micros)
	err = c.write(next.after(&b, micros), func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(bucketPending); err != nil {
			return err
		}
		if _, err := tx.CreateBucket(bucketPending); err != nil {
			return err
		}
		return putBlock(tx, &b)
	})
	if err != nil {
		return Block{}, err
	}
	return b, nil
}

// after is the state once the block has been made of all that is pending.
func (s state) after(b *Block, micros int64) state {
	s.Length, s.Tip, s.Timestamp = b.Index, chain.HashBytes(b.Canonical), micros
	s.First, s.Bytes = s.Next, 0
	return s
}

func putBlock(tx *bbolt.Tx, b *Block) error {
	blocks := tx.Bucket(bucketBlocks)
	blocks.FillPercent = 0.9 // nothing is ever put between blocks
	return blocks.Put(key(b.Index), seal(b.Canonical))
}

// items reads what is pending, joined.
func (c *Chain) items() (items []byte, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		items = make([]byte, 0, c.state.Bytes)
		return walkItems(tx, &c.state, func(item []byte) {
			if len(items) > 0 {
				items = append(items, separator...)
			}
			items = append(items, item...)
		})
	})
	return items, err
}

// walkItems checks the pending items against the state and visits each.
func walkItems(tx *bbolt.Tx, s *state, visit func(item []byte)) error {
	number, size := s.First, uint64(0)
	err := tx.Bucket(bucketPending).ForEach(func(k, v []byte) error {
		item, _, err := unseal(v)
		if err != nil || string(k) != string(key(number)) {
			return fmt.Errorf("%w: pending information %d is not there as it was written", ErrDamaged, number)
		}
		number++
		size += itemBytes(item)
		visit(item)
		return nil
	})
	if err == nil && (number != s.Next || size != s.Bytes) {
		err = fmt.Errorf("%w: pending information up to number %d, not %d", ErrDamaged, number, s.Next)
	}
	return err
}
