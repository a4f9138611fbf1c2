package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/folder"
	"github.com/bpsc/bpsc/store/keys"
)

// Inspected is what a snapshot is of.
type Inspected struct {
	Applied uint64       // log index of the last entry in it
	Needs   release.Need // zero on the first level
	Voters  []string     // identities of the members that vote
	Chains  []InspectedChain
}

// InspectedChain is a chain in a snapshot.
type InspectedChain struct {
	chain.Info
	Root chain.Hash // of the log of headers of all its blocks
}

// Inspect tells what is in the folder of a snapshot. It reads where the chains
// stand and their open holds, and checks no more: whoever restores it does. The
// folder is left as it is.
func Inspect(dir string) (found Inspected, err error) {
	err = look(dir, func(_ *engine.DB, l *loaded) error {
		found.Applied, found.Needs = l.meta.Applied, l.meta.Level
		for id, m := range l.members {
			if m.Voter {
				found.Voters = append(found.Voters, id)
			}
		}
		slices.Sort(found.Voters)
		for _, h := range l.heads {
			root := chain.ResumeRoot(h.tree.size, h.tree.roots)
			found.Chains = append(found.Chains, InspectedChain{h.info(), root.Root()})
		}
		return nil
	})
	return found, err
}

// MembersIn tells who the members are by the folder of a snapshot, or of a store that nobody
// has open, as far as that can be read.
func MembersIn(dir string) (members map[string]Member, err error) {
	f := folderAt(dir)
	if name, err := f.InUse(); err == nil {
		dir = f.Path(name)
	}
	err = look(dir, func(_ *engine.DB, l *loaded) error {
		members = l.members
		return nil
	})
	return members, err
}

// Check reads everything in the folder of a snapshot, and says what is damaged.
func Check(ctx context.Context, dir string) error { return check(ctx, dir, 0, math.MaxUint64) }

// check is Check for one that has to end with one of the entries from first to last.
func check(ctx context.Context, dir string, first, last uint64) error {
	return look(dir, func(db *engine.DB, l *loaded) error {
		if at := l.meta.Applied; at < first || at > last {
			return fmt.Errorf("it ends with entry %d of the log, and not with one from %d to %d", at, first, last)
		}
		if _, err := l.check(db); err != nil {
			return err
		}
		for from, first := []byte(nil), true; first || from != nil; first = false {
			var err error
			if from, _, err = blocks.CheckRows(db, from, scrubRunBytes); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return db.CheckTables(ctx, math.MaxInt)
	})
}

// CheckReceived is Check for the folder of a snapshot that is about to be restored, and has to end with one
// of the entries from first to last. That only a newer build can read it is no error here: Restore says so, and
// its caller ends for it.
func CheckReceived(ctx context.Context, dir string, first, last uint64) error {
	err := check(ctx, dir, first, last)
	if errors.Is(err, errFormat) || errors.Is(err, release.ErrTooOld) {
		return nil
	}
	return err
}

// CheckFolder is Check for the folder of a store that nobody has open; fs.ErrNotExist
// where there is nothing in it.
func CheckFolder(ctx context.Context, dir string) error {
	f := folderAt(dir)
	name, err := f.InUse()
	if err != nil {
		return err
	}
	return Check(ctx, f.Path(name))
}

// folderAt is the folder of a store that nobody has open.
func folderAt(dir string) folder.Folder { return folder.New(dir, vfs.Default, ErrDamaged) }

// unlocked makes no lock file where there is none: a snapshot with one more file is another one,
// which nobody gives to others any more. A database that a store may have open has one, and is locked.
type unlocked struct{ vfs.FS }

// Lock implements vfs.FS.
func (u unlocked) Lock(path string) (io.Closer, error) {
	if _, err := u.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(nil), nil
	}
	return u.FS.Lock(path)
}

// look opens a snapshot for a short while, or a database that no store has open.
func look(dir string, at func(*engine.DB, *loaded) error) (err error) {
	db, err := engine.Open(dir, engine.Config{FS: unlocked{vfs.Default}, ReadOnly: true, Tables: inspectTables, Format: pebbleFormat(release.First),
		FileEnd: new(keys.Division).End, Fatal: panics(dir), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return damaged(dir, err)
	}
	defer func() {
		closed := engine.Caught(db.Close)
		if errors.Is(closed, engine.ErrPanicked) { // it could not open a file that it needed, and holds what belongs to it
			closed = damaged(dir, closed)
		}
		err = errors.Join(err, closed)
	}()
	err = engine.Caught(func() error {
		l, err := load(db)
		if err != nil {
			return err
		}
		return at(db, l)
	})
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return damaged(dir, err)
	}
	return err
}

// panics is engine.Config.Fatal for a database that is never armed: damage is an error of who
// reads it, and there is nobody to tell of what keeps Pebble from going on.
func panics(dir string) func(error) { return func(err error) { panic(damaged(dir, err)) } }
