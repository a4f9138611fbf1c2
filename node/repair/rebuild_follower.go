package repair

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/follower/personal"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/keepsake"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// ErrOnlyCopy: what is damaged is nobody else's, so that it is moved aside only by somebody
// who says so.
var ErrOnlyCopy = errors.New("nobody else has what is damaged")

// lookAtFollower plans for the folder of a follower. Its chains are others' and come from them
// again; its own chain is nobody else's, and whose signatures it goes by it was told once.
func (r *Rebuild) lookAtFollower(ctx context.Context) (err error) {
	r.follower = true
	release, err := r.take()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	found, err := store.DamageIn(ctx, filepath.Join(r.data, folder.State))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case found.Rest != nil:
		r.state(found.Rest.Error())
		for _, b := range found.Blocks {
			r.Damaged = append(r.Damaged, b.String()+" cannot be read as it was written")
		}
	case len(found.Blocks) > 0:
		for _, b := range found.Blocks {
			r.Damaged = append(r.Damaged, b.String()+" cannot be read as it was written")
		}
		r.Way, r.Blocks = WayBlocks, found.Blocks
	}
	return r.lookBeside()
}

// lookBeside finds what is wrong beside the state.
func (r *Rebuild) lookBeside() error {
	if err := personal.Check(filepath.Join(r.data, folder.Personal)); errors.Is(err, personal.ErrDamaged) {
		r.putBeside(folder.Personal, err.Error())
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := folder.OpenDirectory(filepath.Join(r.data, folder.NodesFile), nil); errors.Is(err, folder.ErrDirectory) {
		r.putBeside(folder.NodesFile, err.Error())
	} else if err != nil {
		return err
	}
	var cfg chainsync.Config
	folder.PlaceSync(&cfg, r.data)
	damaged, err := cfg.Damaged()
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(damaged)) {
		name, err := filepath.Rel(r.data, path)
		if err != nil {
			return err
		}
		r.putBeside(filepath.ToSlash(name), damaged[path].Error())
	}
	_, lost, _, err := folder.Kept(r.data)
	if err != nil {
		return err
	}
	for _, file := range lost {
		if !slices.Contains(r.beside, file.Name) {
			r.putBeside(file.Name, folder.SayLost(r.data, file))
		}
	}
	return nil
}

// putBeside says that a file beside the state makes way, if it is there.
func (r *Rebuild) putBeside(name, damage string) {
	r.Damaged = append(r.Damaged, damage)
	r.beside = append(r.beside, name)
	if r.Way == WayNothing {
		r.Way = WayState
	}
}

// moveBeside moves aside what of a follower is damaged beside its state, and begins it anew
// where that is to be said.
func (r *Rebuild) moveBeside(now time.Time) error {
	if len(r.beside) == 0 {
		return nil
	}
	own := slices.IndexFunc(r.beside, func(name string) bool { return name == folder.Personal || folder.IsPolicy(name) })
	if own >= 0 && !r.anew {
		what := "has this node's own chain: with --anew it makes way for a new chain"
		if folder.IsPolicy(r.beside[own]) {
			what = "says whose signatures this node goes by: with --anew it makes way, and whoever is asked first is believed"
		}
		return fmt.Errorf("%w: %s %s", ErrOnlyCopy, filepath.Join(r.data, r.beside[own]), what)
	}
	if err := r.move(now, r.beside...); err != nil {
		return err
	}
	kept, err := keepsake.Open(r.data)
	if err != nil && !errors.Is(err, keepsake.ErrUnreadable) {
		return err
	}
	if slices.Contains(r.beside, folder.Personal) {
		path := filepath.Join(r.data, folder.Personal)
		chain, err := personal.Open(path, func() time.Time { return now })
		if err == nil {
			err = errors.Join(chain.Close(), durable.SyncDir(r.data), kept.Add(path))
		}
		if err != nil {
			return err
		}
	}
	return kept.Forget(slices.DeleteFunc(slices.Clone(r.beside), func(name string) bool { return name == folder.Personal })...)
}
