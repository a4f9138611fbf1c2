package personal

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// group is information that is written together. While one group is being
// written the next one gathers: many callers share one sync of the file, and a
// single caller waits for nobody.
type group struct {
	items   [][]byte
	bytes   uint64
	written bool
	block   uint64  // in which the items will be
	errs    []error // one for each item
}

// Add stores a piece of information, any JSON value, and returns the index of
// the block it will be in. It is on disk when Add returns. Nothing is stored where
// the error is outcome.InvalidJSON, outcome.BodyTooLarge or outcome.PersonalFull;
// after any other it may be stored or not.
func (c *Chain) Add(information []byte) (block uint64, err error) {
	item, err := newItem(information)
	if err != nil {
		return 0, err
	}
	g, place, err := c.join(item)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !g.written { // by another caller, that is
		c.writeGroup(g)
	}
	return g.block, g.errs[place]
}

// join puts an item into the group that gathers. A group has room for what a
// block has.
func (c *Chain) join(item []byte) (g *group, place int, err error) {
	c.joining.Lock()
	defer c.joining.Unlock()
	if c.waiting == nil {
		c.waiting = &group{}
	}
	g = c.waiting
	if len(g.items) == maxBlockItems || g.bytes+itemBytes(item) > maxBlockBytes {
		return nil, 0, errFull
	}
	g.items = append(g.items, item)
	g.bytes += itemBytes(item)
	return g, len(g.items) - 1, nil
}

// writeGroup writes the group that gathers, which is g: a group is given up
// only here, and then written before mu is released.
func (c *Chain) writeGroup(g *group) {
	c.joining.Lock()
	c.waiting = nil
	c.joining.Unlock()
	g.written = true
	g.errs = make([]error, len(g.items))
	next := c.state
	g.block = next.Length + 1
	var added [][]byte
	for i, item := range g.items {
		if !next.fits(item) {
			g.errs[i] = fmt.Errorf("%w: block %d", errFull, g.block)
			continue
		}
		added = append(added, item)
		next.Next++
		next.Bytes += itemBytes(item)
	}
	if len(added) == 0 {
		return
	}
	first := c.state.Next
	err := c.write(next, func(tx *bbolt.Tx) error {
		for i, item := range added {
			if err := tx.Bucket(bucketPending).Put(key(first+uint64(i)), seal(item)); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range g.errs {
		if g.errs[i] == nil {
			g.errs[i] = err
		}
	}
}

// Forge makes a block of what is pending, of nothing too, and returns it once it
// is on disk. The error may be ErrDamaged.
func (c *Chain) Forge() (Block, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.state
	items, err := c.items()
	if err != nil {
		return Block{}, err
	}
	at := next.next(c.now())
	b := newBlock(next.Length+1, items, next.Tip.String(), at)
	err = c.write(next.after(&b, at), func(tx *bbolt.Tx) error {
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
