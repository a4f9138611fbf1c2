package repair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// ErrNobodyHas: what a rebuild needs of others could not be had from them.
var ErrNobodyHas = errors.New("nobody has what is missing here")

// Sources are the others that a rebuild may ask.
type Sources struct {
	// Block is asked for blocks that are damaged.
	Block store.Fetch
	// State gets the state of a member, which may be any that is not behind this one, and
	// of several the first whose state read takes.
	State func(ctx context.Context, read func(archive io.Reader) error) error
}

// Run does what the plan says, but for WayReplace. Until it has what it needs, and has
// verified that, the state is as it was. Errors wrap ErrNobodyHas where others do not have
// what is needed, and a member has to be replaced; ErrOnlyCopy where nobody else ever had it.
func (r *Rebuild) Run(ctx context.Context, now time.Time, from Sources) (err error) {
	release, err := r.take()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if r.Way == WayNothing {
		return nil
	}
	if err := r.run(ctx, now, from); err != nil {
		return err
	}
	return r.note(now)
}

func (r *Rebuild) run(ctx context.Context, now time.Time, from Sources) (err error) {
	if err := r.moveBeside(now); err != nil {
		return err
	}
	if r.Way == WayBlocks {
		if err = r.mend(ctx, now, from.Block); !errors.Is(err, store.ErrNotMended) {
			return err
		}
		r.Damaged = append(r.Damaged, err.Error())
		if r.Way = WayCopy; r.follower {
			r.Way, r.Aside = WayState, []string{folder.State}
		}
	}
	if r.Way == WayCopy {
		return r.copy(ctx, now, from.State)
	}
	return r.move(now, r.Aside...)
}

// mend writes the damaged blocks of the state anew, and gives a member a snapshot of it in
// the place of those that have the same damage.
func (r *Rebuild) mend(ctx context.Context, now time.Time, fetch store.Fetch) error {
	state := filepath.Join(r.data, folder.State)
	done, err := store.Mend(ctx, state, r.follower, fetch)
	if err != nil {
		return err
	}
	r.Mended = &done
	if old, err := filepath.Rel(r.data, done.Old); err != nil {
		return err
	} else if err := r.move(now, old); err != nil {
		return err
	}
	if r.follower {
		return nil
	}
	in, err := cluster.Examine(filepath.Join(r.data, folder.Raft))
	defer func() { err = errors.Join(err, in.Close()) }()
	if err != nil {
		return err
	}
	if err := r.snapshot(ctx, in, state); err != nil {
		return err
	}
	for _, name := range r.Aside {
		if isSnapshot(name) {
			if err := r.move(now, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// snapshot makes a snapshot of a state. It is the newest there is.
func (r *Rebuild) snapshot(ctx context.Context, in *cluster.Examined, state string) (err error) {
	temp := filepath.Join(r.data, folder.Copied)
	if err := durable.RemoveAll(temp); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, durable.RemoveAll(temp)) }()
	if err := durable.MkdirAll(temp, 0o700); err != nil {
		return err
	}
	index, err := store.Export(ctx, state, filepath.Join(temp, folder.State))
	if err != nil {
		return err
	}
	return in.Adopt(filepath.Join(temp, folder.State), index)
}

// copy gets the state from another member, verifies all of it, and makes it the snapshot
// from which this one goes on.
func (r *Rebuild) copy(ctx context.Context, now time.Time, get func(context.Context, func(io.Reader) error) error) (err error) {
	in, err := cluster.Examine(filepath.Join(r.data, folder.Raft))
	defer func() { err = errors.Join(err, in.Close()) }()
	if err != nil {
		return err
	}
	temp := filepath.Join(r.data, folder.Copied)
	defer func() { err = errors.Join(err, durable.RemoveAll(temp)) }()
	var got backup.Manifest
	err = get(ctx, func(archive io.Reader) error {
		if err := durable.RemoveAll(temp); err != nil {
			return err
		}
		if err := durable.MkdirAll(temp, 0o700); err != nil {
			return err
		}
		var err error
		if got, err = backup.UnpackState(archive, temp); err != nil {
			return err
		}
		if got.Cluster != in.Cluster() {
			return fmt.Errorf("%s is of another cluster", got.By)
		}
		if err := in.Fits(got.Applied); err != nil {
			return err
		}
		_, err = backup.VerifyState(ctx, temp, &got, audit.Options{})
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNobodyHas, err)
	}
	// One of the snapshots that make way, the newest, stays until there is another: it says
	// who the members are. Of more than two the oldest would be removed, the new one maybe.
	keep := slices.IndexFunc(r.Aside, isSnapshot)
	for i, name := range r.Aside {
		if i != keep {
			if err := r.move(now, name); err != nil {
				return err
			}
		}
	}
	if err := in.Close(); err != nil {
		return err
	}
	if in, err = cluster.Examine(filepath.Join(r.data, folder.Raft)); err != nil {
		return err
	}
	if err := in.Adopt(backup.StateFolder(temp), got.Applied); err != nil || keep < 0 {
		return err
	}
	return r.move(now, r.Aside[keep])
}

// isSnapshot tells which of what makes way is a snapshot of the log's.
func isSnapshot(name string) bool { return strings.HasPrefix(filepath.ToSlash(name), "raft/") }

// note adds what was done to the file.
func (r *Rebuild) note(now time.Time) error {
	done := folder.Rebuilt{Time: now.UTC(), Way: string(r.Way), Damaged: r.Damaged}
	if r.Mended != nil {
		for _, b := range r.Mended.Blocks {
			done.Mended += b.To - b.From + 1
		}
		done.Fetched = r.Mended.Fetched
	}
	all, err := folder.ReadRebuilt(r.data)
	if err != nil {
		return err
	}
	return folder.WriteRebuilt(r.data, append(all, done))
}
