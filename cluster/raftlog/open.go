// Package raftlog is a member's log and vote on a disk that may fail or lie: it
// looks through the log before it is used, seals each entry with a checksum, and
// ends the member where a write hangs or fails, an entry has changed, or raft would
// drop one that is known to be committed.
package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

// boltOptions are those of the log. NoSync and NoGrowSync stay false, whatever
// they would gain: a write that returns has to be on disk, or acknowledged
// requests and votes are lost with the power.
func boltOptions() *bbolt.Options {
	return &bbolt.Options{
		// Without it a second process would wait for the file's lock for ever.
		Timeout: time.Second,
		// The list of free pages is found again by a scan when the file is
		// opened, instead of being written with every commit.
		NoFreelistSync: true,
		// The other kind, an array, becomes slow in a large file.
		FreelistType: bbolt.FreelistMapType,
		// Growing the mapping waits for all readers; begin with room.
		InitialMmapSize: 1 << 28,
		NoStatistics:    true,
	}
}

// Open opens the log after it has looked through it. bbolt trusts its file:
// on a damaged one it panics or reads beyond the mapping, sometimes in goroutines
// of its own, where nothing can be caught. So all pages of its trees are visited
// here first, where it can. after is the index that the newest snapshot covers.
func Open(path string, after uint64) (*Store, error) {
	there, err := durable.Exists(path)
	if err != nil {
		return nil, err
	}
	if err := durable.RemoveAll(path + newFile); err != nil {
		return nil, err
	}
	store := &Store{path: path}
	if there {
		if err := Guard(func() error { return inspectLog(path, after, &store.sizes) }); err != nil {
			return nil, datadir.Damaged(path, err)
		}
	}
	err = Guard(func() (err error) {
		store.bolt, err = raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: boltOptions()})
		return err
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("cluster: %w: %s", datadir.ErrLocked, path)
	case err != nil:
		return nil, datadir.Damaged(path, err)
	}
	return store, nil
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

// inspectLog walks through all keys of the log without changing the file, and notes
// how large the entries are.
func inspectLog(path string, after uint64, found *sizes) (err error) {
	file, err := openBoltFile(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.close()) }()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second, NoStatistics: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("it has %d bytes and should have %d", info.Size(), tx.Size())
		}
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			if root := uint64(b.Root()); root != 0 { // a small bucket has no page of its own
				if err := file.checkTree(root, 0); err != nil {
					return err
				}
			}
			return inspectBucket(b, after, found)
		})
	})
}

// inspectBucket checks that there are no holes behind the snapshot. Before it
// there may be one, when a snapshot from the leader leapt over missing entries.
func inspectBucket(b *bbolt.Bucket, after uint64, found *sizes) error {
	previous := after
	return b.ForEach(func(k, v []byte) error {
		if len(k) != 8 {
			return fmt.Errorf("an entry has a key of %d bytes", len(k))
		}
		index := binary.BigEndian.Uint64(k)
		found.note(index, len(v))
		if index <= after {
			return nil
		}
		if index != previous+1 {
			return fmt.Errorf("entry %d follows entry %d", index, previous)
		}
		previous = index
		return nil
	})
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
