// Package datadir is a member's data directory: whose it is, that only one process
// uses it, that it is complete, and whether the member may start on it. What is in
// the files is for those who own them.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
)

// What a directory has once its first start is complete.
const (
	LogFile      = "raft.db" // the log, or WALDir
	WALDir       = "wal"
	VoteFile     = "vote.json"
	SnapshotsDir = "snapshots"
	StartsFile   = "starts.json"
	MemoryFile   = "memory.json"
)

const (
	lockFile    = "lock"
	stoppedFile = "stopped.json"
)

// dataFiles are the names that a complete directory has, with the log in a store.
func dataFiles(log LogStore) []string {
	return []string{log.Name(), VoteFile, SnapshotsDir, StartsFile, MemoryFile}
}

// anyFiles are the names of which some are in a directory that has been used.
func anyFiles() []string { return append(dataFiles(Bolt), WALDir) }

// Reasons for which a member does not start on a directory.
var (
	// ErrDamaged: what is on disk cannot be trusted.
	ErrDamaged = errors.New("data directory is damaged")
	// ErrMismatch: the directory belongs to another member or cluster.
	ErrMismatch = errors.New("data directory belongs to another member or cluster")
	// ErrLocked: another process uses the directory.
	ErrLocked = errors.New("data directory is in use by another process")
	// ErrWentBack: the directory, or a file of it, is an earlier state of what it
	// was when others last saw this member, or is a new one under an id that has
	// been in use.
	ErrWentBack = errors.New("the data of this member went back in time")
	// ErrDiverged: members hold different histories as final.
	ErrDiverged = errors.New("members hold different histories")
	// ErrRemoved: this instance of the member was removed from its cluster.
	ErrRemoved = errors.New("this member was removed from its cluster")
)

// Dir is an open data directory. Its owner is one goroutine until the first start is
// complete; mu guards own afterwards.
type Dir struct {
	path  string
	fresh bool
	lock  *flock.Flock

	mu  sync.Mutex
	own Identity
}

// Open makes the directory if there is none, takes it for this process, and makes
// sure that it is this member's, complete, and usable. A new one gets an instance.
// What it finds wrong it leaves as it is.
func Open(path, member string) (*Dir, error) {
	if err := durable.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("cluster: data directory: %w", err)
	}
	d := &Dir{path: path, lock: flock.New(filepath.Join(path, lockFile))}
	switch ok, err := d.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("cluster: locking %s: %w", d.lock.Path(), err)
	case !ok:
		return nil, fmt.Errorf("cluster: %w: %s is locked; stop the other process, or give this one a directory of its own",
			ErrLocked, d.lock.Path())
	}
	if err := d.check(member); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Path is where a file of the directory is.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Fresh tells whether this is a first start. Then there is nothing in the
// directory but the identity.
func (d *Dir) Fresh() bool { return d.fresh }

// Close lets other processes have the directory.
func (d *Dir) Close() error { return d.lock.Close() }

func (d *Dir) check(member string) error {
	found, err := d.readIdentity(member)
	if err != nil {
		return err
	}
	if !found {
		d.fresh = true
		if err := d.checkFiles(false); err != nil {
			return err
		}
		return d.setIdentity(func(own *Identity) { own.Member, own.Instance = member, identity.NewInstance() })
	}
	if err := d.checkNotStopped(); err != nil {
		return err
	}
	if d.own.Ready {
		return d.checkFiles(true)
	}
	// The first start was interrupted before raft ran, so whatever it left
	// behind means nothing.
	d.fresh = true
	for _, name := range anyFiles() {
		if err := durable.RemoveAll(d.Path(name)); err != nil {
			return fmt.Errorf("cluster: clearing an interrupted first start: %w", err)
		}
	}
	return nil
}

// checkFiles makes sure that all data files are there, or that none is.
func (d *Dir) checkFiles(want bool) error {
	names := anyFiles()
	if want {
		names = dataFiles(d.own.LogStore())
	}
	for _, name := range names {
		there, err := durable.Exists(d.Path(name))
		switch {
		case err != nil:
			return err
		case want && !there:
			return Damaged(d.Path(name), errors.New("it is missing"))
		case there && !want:
			return Damaged(d.Path(identityFile), fmt.Errorf("it is missing, though there is %s", name))
		}
	}
	return nil
}

// A member that went back in time, holds another history than others, or was removed,
// leaves a mark in its directory and does not start on it again. Otherwise it could be
// ready the next time, when those who know better are away.
type stopped struct {
	Reason   string `json:"reason"`
	Diverged bool   `json:"diverged"`
	Removed  bool   `json:"removed,omitempty"`
}

func (d *Dir) checkNotStopped() error {
	var s stopped
	found, err := Read(d.Path(stoppedFile), &s)
	if err != nil || !found {
		return err
	}
	kind := ErrWentBack
	switch {
	case s.Diverged:
		kind = ErrDiverged
	case s.Removed:
		kind = ErrRemoved
	}
	return fmt.Errorf("%w: this member has stopped for good, says %s: %s", kind, d.Path(stoppedFile), s.Reason)
}

// MarkStopped leaves the mark that no member starts on this directory again.
func MarkStopped(path string, reason error) error {
	return durable.WriteSealed(filepath.Join(path, stoppedFile), stopped{
		Reason:   reason.Error(),
		Diverged: errors.Is(reason, ErrDiverged),
		Removed:  errors.Is(reason, ErrRemoved),
	})
}

// Read reads a sealed file, if it is there.
func Read(path string, content any) (found bool, err error) {
	err = durable.ReadSealed(path, content)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, Damaged(path, err)
}

// Damaged says what is wrong with which file. Where the operating system does
// not let us look, nothing is known to be wrong with the file.
func Damaged(path string, err error) error {
	if errors.Is(err, ErrDamaged) {
		return err // it says so already
	}
	if _, system := durable.Advice(err); system || errors.Is(err, ErrLocked) {
		return fmt.Errorf("cluster: %s: %w", path, err)
	}
	return fmt.Errorf("cluster: %w: %s: %w; remove nothing by hand: a member that forgot its votes or its log must not "+
		"vote again under the old id, and the other members have the data: bpsc cluster rebuild", ErrDamaged, path, err)
}
