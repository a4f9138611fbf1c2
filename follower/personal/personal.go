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
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/outcome"
)

var (
	// errInvalid: the information is not JSON that has one canonical text. The
	// error wraps the reason of package pyjson as well.
	errInvalid = fmt.Errorf("%w: the information cannot be stored", outcome.InvalidJSON)
	// errTooLarge: the information is larger than maxInformation.
	errTooLarge = fmt.Errorf("%w: the information is too large", outcome.BodyTooLarge)
	// errFull: the next block has no room for it. Forge it, then add again.
	errFull = fmt.Errorf("%w: the next block is to be forged first", outcome.PersonalFull)
	// ErrDamaged: the file is not as it was written.
	ErrDamaged = errors.New("personal: the file is damaged")
	// errInUse: another process has the file open.
	errInUse = errors.New("personal: another process has the file open")
	// errBroken: a write failed, so what is on disk is not certain. The chain
	// can be read, and written again once it has been opened anew.
	errBroken = errors.New("personal: a write failed")
	// errClosed: the chain has been closed.
	errClosed = errors.New("personal: the chain is closed")
)

// The bounds of a personal chain, each with its reason.
const (
	// maxInformation bounds one piece of information, both as it comes and as
	// canonical text: the largest body the API takes.
	maxInformation = 1 << 20

	// maxBlockItems and maxBlockBytes bound the information of one block, so
	// that a reader can hold a block in memory: as in the BPSC's own chain.
	maxBlockItems = 10_000
	maxBlockBytes = 4 << 20

	// verifyBytes is how much of the chain's end is verified when the file is
	// opened: well under a second of hashing, however long the chain has
	// become. Blocks before that are verified whenever they are read.
	verifyBytes = 64 << 20

	// runBytes and runBlocks bound what is read from the file at a time. It is
	// all the memory that a slow reader costs beside one block.
	runBytes  = 256 << 10
	runBlocks = 1_000

	// lockTimeout is how long another process may take to let go of the file.
	lockTimeout = time.Second
)

// Chain is safe for use by many goroutines. It has none of its own.
//
// Whoever writes to the file holds mu for as long as that takes, so there is one
// writer at a time; readers take no lock, and go by length. joining is held for a
// moment only, also by the writer, who then holds mu already; never the other way.
type Chain struct {
	db     *bbolt.DB
	now    func() time.Time
	length atomic.Uint64 // state.Length, for readers

	mu     sync.Mutex // guards state, broken, and every group that has been taken
	state  state
	broken error // why nothing is written any more

	joining sync.Mutex // guards waiting, and what is in it
	waiting *group     // which the next writer takes along
}

// Open opens the chain in the file at path, whose folder must exist; when there
// is no file it begins a chain. now is the clock for timestamps.
//
// It verifies the first block, the last 64 MiB of blocks with their links, and
// everything pending. That takes well under a second however long the chain is;
// older blocks are verified whenever they are read. The error is ErrDamaged,
// the operating system's, or that another process has the file open.
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
	at := s.next(now)
	genesis := newBlock(1, nil, chain.GenesisPrevious, at)
	s = s.after(&genesis, at)
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return errors.Join(putBlock(tx, &genesis), s.put(tx))
	})
	if err := errors.Join(err, db.Close()); err != nil {
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
	err := mapped(func() error {
		return c.db.Update(func(tx *bbolt.Tx) error {
			if err := change(tx); err != nil {
				return err
			}
			return next.put(tx)
		})
	})
	if isClosed(err) {
		return errClosed
	}
	if err != nil {
		c.broken = fmt.Errorf("%w: %w", errBroken, err)
		return c.broken
	}
	c.state = next
	c.length.Store(next.Length)
	return nil
}

// view reads from the file.
func (c *Chain) view(read func(tx *bbolt.Tx) error) error {
	err := mapped(func() error { return c.db.View(read) })
	if isClosed(err) {
		return errClosed
	}
	return err
}

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
