// Package personal keeps a chain of a node's own: blocks of whatever
// information its owner adds, forged when the owner asks. It has nothing to do
// with the chain of any BPSC.
//
//	{"index2": 2, "information": [{"information": …}, …], "previous_hash": "…", "timestamp": 1795364515.082559}
//
// A block's bytes are what Python's json.dumps(block, sort_keys=True) prints,
// and previous_hash is the SHA-256 of the bytes of the block before, "1" in the
// first. Blocks and pending information are in one bbolt file; whatever a call
// has returned survives a crash.
package personal

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

// Chain is safe for use by many goroutines. It has none of its own.
type Chain struct {
	db     *bbolt.DB
	now    func() time.Time
	length atomic.Uint64 // state.Length, for readers

	// mu is held by whoever writes.
	mu     sync.Mutex
	state  state
	broken error // why nothing is written any more

	// joining guards the group that the next writer takes along. It is never
	// held for long.
	joining sync.Mutex
	waiting *group
}

// Open opens the chain in the file at path, whose folder must exist; when there
// is no file it begins a chain. now is the clock for timestamps.
//
// It verifies the first block, the last 64 MiB of blocks with their links, and
// everything pending. That takes well under a second however long the chain is;
// older blocks are verified whenever they are read. The error is ErrDamaged,
// ErrInUse, or the operating system's.
func Open(path string, now func() time.Time) (*Chain, error) {
	there, err := durable.Exists(path)
	if err != nil {
		return nil, err
	}
	if !there {
		if err := create(path, now()); err != nil {
			return nil, fmt.Errorf("personal: begin a chain: %w", err)
		}
	}
	c := &Chain{now: now}
	if c.state, err = inspect(path); err != nil {
		return nil, err
	}
	if c.db, err = openFile(path, options()); err != nil {
		return nil, err
	}
	c.length.Store(c.state.Length)
	return c, nil
}

// options of the file. NoSync stays false: what is acknowledged is on disk. The
// list of free pages is stored, not found by a scan of the whole file.
func options() *bbolt.Options {
	return &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType, NoStatistics: true}
}

// create makes a file with the first block. It has its name only once it is
// complete, so that a crash leaves no half of one.
func create(path string, now time.Time) error {
	temp := path + ".tmp"
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	db, err := openFile(temp, options())
	if err != nil {
		return err
	}
	s := state{Format: formatVersion}
	micros := s.next(now)
	genesis := newBlock(1, nil, chain.GenesisPrevious, micros)
	s = s.after(&genesis, micros)
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketState, bucketBlocks, bucketPending} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return errors.Join(putBlock(tx, &genesis), s.put(tx))
	})
	if closed := db.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return durable.Rename(temp, path)
}

// Length is how many blocks there are.
func (c *Chain) Length() uint64 { return c.length.Load() }

// Close waits for what is being written and read, and closes the file.
func (c *Chain) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.db.Close()
}

// write makes a change durable, together with the state after it. The caller
// holds mu.
func (c *Chain) write(next state, change func(tx *bbolt.Tx) error) error {
	if c.broken != nil {
		return c.broken
	}
	err := guarded(func() error {
		return c.db.Update(func(tx *bbolt.Tx) error {
			if err := change(tx); err != nil {
				return err
			}
			return next.put(tx)
		})
	})
	if isClosed(err) {
		return ErrClosed
	}
	if err != nil {
		c.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return c.broken
	}
	c.state = next
	c.length.Store(next.Length)
	return nil
}
