// Package raftlog is a member's log and vote on a disk that may fail or lie: it
// looks through the log before it is used, seals each entry with a checksum, and
// ends the member where a write hangs or fails, an entry has changed, or raft would
// drop one that is known to be committed.
package raftlog

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
)

// Store is the log on disk. It knows how many bytes its entries have. It is safe for
// concurrent use; only one Shrink runs at a time.
type Store interface {
	raft.LogStore
	// Bytes is how large the entries are together.
	Bytes() uint64
	// Newest is how many of the newest entries have so many bytes at most together.
	Newest(bytes uint64) (entries uint64)
	// Wasteful tells whether so much of the disk is unused that Shrink is worth its
	// work. need is what Shrink takes on the disk until it is done.
	Wasteful() (need uint64, wasteful bool)
	// Shrink gives back what is unused, while others read and write.
	Shrink(ctx context.Context) error
	Close() error
}

// Open opens a log after it has looked through it, and makes it where there is none.
// after is the index that the newest snapshot covers.
func Open(kind datadir.LogStore, path string, after uint64) (s Store, err error) {
	switch kind {
	case datadir.Bolt:
		s, err = openBolt(path, after)
	case datadir.WAL:
		s, err = openWAL(path, after, segmentBytes)
	default:
		err = fmt.Errorf("cluster: %w: %q", datadir.ErrLogStore, kind)
	}
	if err != nil {
		return nil, err // and not one that is nil inside
	}
	return s, nil
}

// Guard turns a panic, one for reading unmapped memory too, into an error.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			cause, ok := r.(error)
			if !ok {
				cause = fmt.Errorf("%v", r)
			}
			err = fmt.Errorf("reading it panics: %w", cause)
		}
	}()
	return f()
}

// Last reads the first and the last entry and returns index and term of the
// last, zero for an empty log. raft would panic later on what fails here.
func Last(logs raft.LogStore) (last, term uint64, err error) {
	err = Guard(func() error {
		first, err := logs.FirstIndex()
		if err != nil {
			return err
		}
		if last, err = logs.LastIndex(); err != nil || last == 0 {
			return err
		}
		for _, index := range []uint64{first, last} {
			var l raft.Log
			if err := logs.GetLog(index, &l); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
			term = l.Term
		}
		return nil
	})
	return last, term, err
}
