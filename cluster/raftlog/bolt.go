package raftlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/bpsc/bpsc/internal/durable"
)

// boltStore is the log in one file of bbolt. It can be written anew: bbolt uses the room
// of entries that were cut again and never gives it back, so that a burst of large ones
// would stay for ever.
//
// Safe for concurrent use. swap is held for reading while bolt is used, and for writing
// by Shrink when it puts another file in its place. Only one Shrink runs at a time.
type boltStore struct {
	path  string
	sizes sizes

	swap sync.RWMutex
	bolt *raftboltdb.BoltStore
	lost error // set where bolt's file has lost its name: what is written there is gone

	tail atomic.Uint64 // counts how often entries at the end were cut
}

var _ Store = (*boltStore)(nil)

const (
	// newFile is where Shrink writes; what a crash leaves there means nothing.
	newFile = ".new"

	// Shrink is worth its work where the file is this large and a quarter of it at
	// most is in use. bbolt grows a file by 16 MiB.
	shrinkFrom  = 64 << 20
	shrinkShare = 4

	// copyBytes is what Shrink copies in one transaction.
	copyBytes = 4 << 20
)

// errMoved: the log changed in a way that makes a copy of it useless.
var errMoved = errors.New("entries were cut off meanwhile")

// Bytes is how large the entries are together.
func (s *boltStore) Bytes() uint64 { return s.sizes.bytes() }

// Newest is how many of the newest entries have so many bytes at most together.
func (s *boltStore) Newest(bytes uint64) (entries uint64) { return s.sizes.newest(bytes) }

// mapped runs f, which reads a file that bbolt has mapped and that was sound when it was opened: where
// the disk does not give a page of it, that is EIO.
func mapped(f func() error) error { return durable.Unread(Guard(f)) }

func firstIn(bolt *raftboltdb.BoltStore) (first uint64, err error) {
	err = mapped(func() (err error) { first, err = bolt.FirstIndex(); return err })
	return first, err
}

func lastIn(bolt *raftboltdb.BoltStore) (last uint64, err error) {
	err = mapped(func() (err error) { last, err = bolt.LastIndex(); return err })
	return last, err
}

// FirstIndex implements raft.LogStore.
func (s *boltStore) FirstIndex() (uint64, error) {
	s.swap.RLock()
	defer s.swap.RUnlock()
	return firstIn(s.bolt)
}

// LastIndex implements raft.LogStore.
func (s *boltStore) LastIndex() (uint64, error) {
	s.swap.RLock()
	defer s.swap.RUnlock()
	return lastIn(s.bolt)
}

// GetLog implements raft.LogStore.
func (s *boltStore) GetLog(index uint64, l *raft.Log) error {
	s.swap.RLock()
	defer s.swap.RUnlock()
	return mapped(func() error { return s.bolt.GetLog(index, l) })
}

// StoreLog implements raft.LogStore.
func (s *boltStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (s *boltStore) StoreLogs(logs []*raft.Log) error {
	s.swap.RLock()
	defer s.swap.RUnlock()
	if s.lost != nil {
		return s.lost
	}
	if err := mapped(func() error { return s.bolt.StoreLogs(logs) }); err != nil {
		return err
	}
	for _, l := range logs {
		s.sizes.note(l.Index, sizeOf(l))
	}
	return nil
}

// DeleteRange implements raft.LogStore.
func (s *boltStore) DeleteRange(min, max uint64) error {
	s.swap.RLock()
	defer s.swap.RUnlock()
	last, err := lastIn(s.bolt)
	if err != nil {
		return err
	}
	if max >= last {
		s.tail.Add(1)
	}
	if err := mapped(func() error { return s.bolt.DeleteRange(min, max) }); err != nil {
		return err
	}
	s.sizes.cut(min, max)
	return nil
}

// Close closes the file.
func (s *boltStore) Close() error {
	s.swap.Lock()
	defer s.swap.Unlock()
	return s.bolt.Close()
}

// Wasteful tells whether most of the file is unused, and so much that Shrink is worth
// its work. need is what Shrink takes on the disk until it is done.
func (s *boltStore) Wasteful() (need uint64, wasteful bool) {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() < shrinkFrom {
		return 0, false
	}
	need = s.Bytes()
	return need, need < uint64(info.Size())/shrinkShare
}

// Shrink writes the log anew beside the file, and puts it in its place. Others read
// and write meanwhile: all but the newest entries are copied before they have to wait,
// for the time of a few writes. A crash leaves the one file or the other.
func (s *boltStore) Shrink(ctx context.Context) error {
	path := s.path + newFile
	if err := durable.RemoveAll(path); err != nil {
		return err
	}
	err := s.rewrite(ctx, path)
	if err != nil {
		err = fmt.Errorf("cluster: writing the log anew: %w", err)
		return errors.Join(err, durable.RemoveAll(path))
	}
	return nil
}

func (s *boltStore) rewrite(ctx context.Context, path string) error {
	options := boltOptions()
	options.NoSync = true // until all of it is there
	fresh, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: options, NoSync: true})
	if err != nil {
		return err
	}
	first, next, tail, err := s.copyAll(ctx, fresh)
	if err == nil {
		err = fresh.Sync()
	}
	if err != nil {
		return errors.Join(err, fresh.Close())
	}
	s.swap.Lock()
	defer s.swap.Unlock()
	return s.adopt(fresh, first, next, tail)
}

// copyAll copies what is there now, and tells the first entry that it copied, the one
// after the last, and how often the end had been cut before.
func (s *boltStore) copyAll(ctx context.Context, to *raftboltdb.BoltStore) (first, next, tail uint64, err error) {
	tail = s.tail.Load()
	if first, err = s.FirstIndex(); err != nil {
		return 0, 0, 0, err
	}
	last, err := s.LastIndex()
	for next = max(first, 1); err == nil && next <= last; {
		if err = ctx.Err(); err == nil {
			next, err = copyRun(to, s, next, last)
		}
	}
	return first, next, tail, err
}

// copyRun copies some entries from one on, and returns the next.
func copyRun(to, from raft.LogStore, next, last uint64) (uint64, error) {
	var run []*raft.Log
	for bytes := 0; next <= last && bytes < copyBytes; next++ {
		l := &raft.Log{}
		if err := mapped(func() error { return from.GetLog(next, l) }); err != nil {
			return next, fmt.Errorf("%w: entry %d: %w", errMoved, next, err)
		}
		run, bytes = append(run, l), bytes+sizeOf(l)
	}
	return next, to.StoreLogs(run)
}

// adopt copies what came meanwhile and puts the new file in the place of the old one.
// The caller holds swap.
func (s *boltStore) adopt(fresh *raftboltdb.BoltStore, copied, next, tail uint64) error {
	closing := fresh
	defer func() { _ = closing.Close() }() // the one that is not used any more
	first, err := firstIn(s.bolt)
	if err != nil {
		return err
	}
	last, err := lastIn(s.bolt)
	if err != nil {
		return err
	}
	if s.tail.Load() != tail || last+1 < next || first > next {
		return errMoved
	}
	for next <= last {
		if next, err = copyRun(fresh, s.bolt, next, last); err != nil {
			return err
		}
	}
	if first > copied && copied > 0 {
		if err := fresh.DeleteRange(copied, first-1); err != nil {
			return err
		}
	}
	if err := fresh.Sync(); err != nil {
		return err
	}
	opened, err := s.rename(fresh)
	if err != nil {
		s.lost = err
		return err
	}
	closing, s.bolt = s.bolt, opened
	return nil
}

// rename gives the new file its name and opens it again, now with a sync for each
// write. After an error nobody knows whose the name is.
func (s *boltStore) rename(fresh *raftboltdb.BoltStore) (*raftboltdb.BoltStore, error) {
	if err := errors.Join(durable.Rename(s.path+newFile, s.path), fresh.Close()); err != nil {
		return nil, err
	}
	return raftboltdb.New(raftboltdb.Options{Path: s.path, BoltOptions: boltOptions()})
}
