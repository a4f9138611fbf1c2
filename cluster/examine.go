package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/raftlog"
)

// Examined is a data directory that no member runs on, and that one could start on:
// vote, log, snapshots and what it remembers are there and fit together. It is locked
// until Close.
type Examined struct {
	Member    string // id of whose directory it is
	Snapshots []SnapshotState
	Last      uint64 // the last entry of the log

	store *storage
}

// SnapshotState is the state of a machine in a snapshot.
type SnapshotState struct {
	Dir   string // where the machine wrote it
	Index uint64 // of the last entry that is in it for sure
}

// Examine opens a data directory as a member would, and reads all of the log. Its errors are those for which a
// member would not start: ErrDamaged, ErrWentBack, ErrDiverged, ErrRemoved, ErrLocked,
// or the operating system's, fs.ErrNotExist where there is no such directory. With
// them comes the id, where it can be read.
func Examine(dir string) (*Examined, error) {
	if _, err := os.Stat(dir); err != nil {
		return &Examined{}, fmt.Errorf("cluster: %w", err)
	}
	own, found, err := datadir.ReadIdentity(dir)
	in := &Examined{Member: own.Member}
	switch {
	case err != nil:
		return in, err
	case !found:
		return in, datadir.Damaged(dir, errors.New("it does not say whose it is"))
	case !own.Ready:
		return in, fmt.Errorf("cluster: the first start on %s was not completed: %w", dir, fs.ErrNotExist)
	}
	if in.store, _, err = openStopped(dir, own.Member); err != nil {
		return in, err
	}
	if err := in.look(); err != nil {
		return in, errors.Join(err, in.Close())
	}
	return in, nil
}

func (in *Examined) look() (err error) {
	if err := in.store.fits(0); err != nil {
		return err
	}
	if in.Last, _, err = raftlog.Last(in.store.logs); err != nil {
		return err
	}
	metas, err := in.store.snapshots.List()
	for _, m := range metas {
		in.Snapshots = append(in.Snapshots, SnapshotState{in.store.snapshots.State(m.ID), m.Index})
	}
	return err
}

// Reaches tells whether a state after the entry of that index can be brought up to date
// from the log, of which every entry is as it was written. The state before the first
// entry is index 0.
func (in *Examined) Reaches(index uint64) error {
	first, err := in.store.logs.FirstIndex()
	if err != nil {
		return err
	}
	if index < in.Last && first > index+1 {
		return fmt.Errorf("cluster: the log begins with entry %d, and the state would end with %d", first, index)
	}
	return nil
}

// Close gives the directory back.
func (in *Examined) Close() error {
	if in.store == nil {
		return nil
	}
	defer func() { in.store = nil }()
	return in.store.close()
}
