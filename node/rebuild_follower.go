package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/bpsc/bpsc/follower/personal"
	"github.com/bpsc/bpsc/store"
)

// ErrOnlyCopy: what is damaged is nobody else's, so that it is moved aside only by somebody
// who says so.
var ErrOnlyCopy = errors.New("nobody else has what is damaged")

// personalFile has a follower's own chain.
const personalFile = "personal.db"

// lookAtFollower plans for the folder of a follower. Its chains are others' and come from them
// again; its own chain is nobody else's.
func (r *Rebuild) lookAtFollower(ctx context.Context) (err error) {
	r.follower = true
	release, err := r.take()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	found, err := store.DamageIn(ctx, filepath.Join(r.data, "state"))
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
		r.Way, r.Blocks = RebuildBlocks, found.Blocks
	}
	if err := personal.Check(filepath.Join(r.data, personalFile)); errors.Is(err, personal.ErrDamaged) {
		r.Damaged = append(r.Damaged, err.Error())
		r.own = true
		if r.Way == RebuildNothing {
			r.Way = RebuildState
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := openDirectory(filepath.Join(r.data, nodesFile)); errors.Is(err, errDirectory) {
		r.Damaged = append(r.Damaged, err.Error())
		r.beside = append(r.beside, nodesFile)
		if r.Way == RebuildNothing {
			r.Way = RebuildState
		}
	} else if err != nil {
		return err
	}
	return nil
}

// moveBeside moves aside what of a follower is damaged beside its state.
func (r *Rebuild) moveBeside(now time.Time) error {
	if r.own && !r.anew {
		return fmt.Errorf("%w: %s has this node's own chain: with --anew it makes way for a new chain", ErrOnlyCopy, filepath.Join(r.data, personalFile))
	}
	if r.own {
		r.beside = append(r.beside, personalFile)
	}
	return r.move(now, r.beside...)
}
