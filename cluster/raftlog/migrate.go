package raftlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

// Moved is a log that is in another store now.
type Moved struct {
	From, To datadir.LogStore
	Entries  uint64
	Bytes    uint64 // of the entries
}

// Move has the log of a directory in another store. Entries are copied as they stand,
// seals and all, each seal is checked before and after, and only when all of that is on
// disk does identity.json name the other store: before, what is there of it means nothing
// and is made anew; afterwards the old one does, and is removed. Where Move fails the log
// stays where it was. after is the index that the newest snapshot covers.
func Move(ctx context.Context, dir *datadir.Dir, to datadir.LogStore, after uint64) (Moved, error) {
	moved := Moved{From: dir.Identity().LogStore(), To: to}
	old, fresh := dir.Path(moved.From.Name()), dir.Path(to.Name())
	err := durable.RemoveAll(fresh)
	if err == nil {
		err = moved.copy(ctx, old, fresh, after)
	}
	if err != nil {
		err = fmt.Errorf("cluster: moving the log from %s to %s: %w", moved.From, to, err)
		return moved, errors.Join(err, durable.RemoveAll(fresh))
	}
	if err := dir.SetLogStore(to); err != nil {
		return moved, err
	}
	return moved, durable.RemoveAll(old)
}

// Leave removes what an interrupted Move has left of the store that has not the log.
func Leave(dir *datadir.Dir) error {
	for _, s := range datadir.LogStores() {
		if s == dir.Identity().LogStore() {
			continue
		}
		if err := durable.RemoveAll(dir.Path(s.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (m *Moved) copy(ctx context.Context, old, fresh string, after uint64) error {
	from, err := Open(m.From, old, after)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // nothing was written to it
	first, last, err := lastPiece(from)
	if err != nil {
		return err
	}
	to, err := Open(m.To, fresh, after)
	if err != nil {
		return err
	}
	if last >= after { // else the snapshot leapt over all of it
		for next := first; err == nil && next <= last && last > 0; {
			if err = ctx.Err(); err == nil {
				next, err = copyRun(sealed{to}, sealed{from}, next, last)
			}
		}
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	if err := durable.SyncTree(fresh); err != nil {
		return err
	}
	return m.compare(ctx, from, fresh, after)
}

// lastPiece is what the log has behind its last hole, which only one that a snapshot
// leapt over leaves.
func lastPiece(s Store) (first, last uint64, err error) {
	begin, err := s.FirstIndex()
	if err != nil {
		return 0, 0, err
	}
	if last, err = s.LastIndex(); err != nil || last == 0 {
		return 0, 0, err
	}
	for first = last; first > begin; first-- {
		switch err := s.GetLog(first-1, new(raft.Log)); {
		case errors.Is(err, raft.ErrLogNotFound):
			return first, last, nil
		case err != nil:
			return 0, 0, fmt.Errorf("entry %d: %w", first-1, err)
		}
	}
	return first, last, nil
}

// compare opens the copy as a start would, and compares it with what was there.
func (m *Moved) compare(ctx context.Context, from Store, fresh string, after uint64) (err error) {
	to, err := Open(m.To, fresh, after)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	first, last, err := lastPiece(to)
	if err != nil {
		return err
	}
	want, err := from.LastIndex()
	if err != nil {
		return err
	}
	if last != want && (last != 0 || want >= after) {
		return fmt.Errorf("the copy ends with entry %d, and the log with %d", last, want)
	}
	for index := first; index <= last && last > 0; index++ {
		var a, b raft.Log
		if err := errors.Join(ctx.Err(), from.GetLog(index, &a), sealed{to}.GetLog(index, &b)); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		if Checksum(&a) != Checksum(&b) {
			return fmt.Errorf("entry %d is another one in the copy", index)
		}
		m.Entries++
	}
	m.Bytes = to.Bytes()
	return nil
}

// sealed checks the seals of entries that are read, and leaves them on.
type sealed struct{ raft.LogStore }

// GetLog implements raft.LogStore.
func (s sealed) GetLog(index uint64, l *raft.Log) error {
	err := s.LogStore.GetLog(index, l)
	if err == nil {
		copied := *l
		_, err = unseal(index, &copied)
	}
	return err
}
