package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

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

// openBolt opens the log after it has looked through it. bbolt trusts its file:
// on a damaged one it panics or reads beyond the mapping, sometimes in goroutines
// of its own, where nothing can be caught. So all pages of its trees are visited
// here first, where it can.
func openBolt(path string, after uint64) (*boltStore, error) {
	there, err := durable.Exists(path)
	if err != nil {
		return nil, err
	}
	if err := durable.RemoveAll(path + newFile); err != nil {
		return nil, err
	}
	store := &boltStore{path: path}
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
