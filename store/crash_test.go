package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// crashRig is a store on a file system that forgets what was not synced. Before
// every step that changes something the power fails: what it can leave behind is
// opened, and must be the state after a whole entry, not before the last one
// whose durability was promised.
type crashRig struct {
	t        *testing.T
	files    *vfs.MemFS
	logged   bool
	states   []string // contents after each entry
	promised atomic.Uint64

	mu      sync.Mutex
	steps   int
	images  int      // file systems that were looked at
	removed []string // by the store, and their directory not synced since: power may bring them back, or not
}

func newCrashRig(t *testing.T, logged bool) *crashRig {
	const entries = 40
	r := &crashRig{t: t, files: vfs.NewCrashableMem(), logged: logged}
	// A snapshot of entry 20, as it comes from another member.
	other, err := Open(Config{Dir: "other", LayerBytes: 3000, FilterBytes: testFilter, FS: r.files})
	require.NoError(t, err)
	r.states = append(r.states, contents0)
	for i := uint64(1); i <= entries; i++ {
		addBlock(t, other, i)
		r.states = append(r.states, contents(t, other))
		if i == 20 {
			require.NoError(t, other.Snapshot(context.Background(), "snapshot"))
		}
	}
	require.NoError(t, other.Close())
	return r
}

// contents0 stands for an empty store.
const contents0 = "nothing"

func (r *crashRig) open(files vfs.FS) (*Store, error) {
	return Open(Config{Dir: "store", LayerBytes: 3000, FilterBytes: testFilter, FS: files, Log: r.logged})
}

// powerFails makes a file system for a store, and lets the power fail before
// each of the steps that are asked for.
func (r *crashRig) powerFails(steps func(errorfs.Op) bool) vfs.FS {
	return errorfs.Wrap(r.files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !steps(op) {
			return nil
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.steps++
		parts := 1
		if ourStep(op) {
			parts = 6 // few steps, and the order of names is ours to get right
		}
		if testing.Short() {
			parts = min(parts, 2)
		}
		r.look(parts)
		r.note(op)
		return nil
	}))
}

// anyStep is one that changes what is there after a loss of power.
func anyStep(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpFileClose, errorfs.OpFileWrite, errorfs.OpFilePreallocate, errorfs.OpFileSyncTo:
		return false
	}
	return op.Kind.ReadOrWrite() == errorfs.OpIsWrite
}

// ourStep is one that the store takes, and not Pebble below it.
func ourStep(op errorfs.Op) bool {
	name := strings.TrimSuffix(path.Base(op.Path), ".tmp")
	database := strings.HasPrefix(name, "db-") && op.Kind != errorfs.OpFileSync // which Pebble does
	return anyStep(op) && (name == "store" || name == "CURRENT" || database || op.Kind == errorfs.OpLink)
}

// note remembers what the file system will forget with no particular hurry: it
// takes a removal back unless the directory was synced, but power need not.
func (r *crashRig) note(op errorfs.Op) {
	switch op.Kind {
	case errorfs.OpFileSync:
		r.removed = slices.DeleteFunc(r.removed, func(name string) bool { return path.Dir(name) == op.Path })
	case errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename:
		if ourStep(op) {
			r.removed = append(r.removed, op.Path)
		}
	}
}

// look opens what a loss of power could leave now: what was synced, and that
// with parts of the rest.
func (r *crashRig) look(parts int) {
	promised := r.promised.Load()
	for part := range parts + 1 {
		var cfg vfs.CrashCloneCfg
		if part > 0 {
			cfg = vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(r.images), 7))}
		}
		left := r.files.CrashClone(cfg)
		for _, name := range r.removed {
			if part%2 == 1 {
				require.NoError(r.t, left.RemoveAll(name))
			}
		}
		s, err := r.open(left)
		r.images++
		if err != nil {
			r.t.Errorf("step %d, entry %d promised: %v", r.steps, promised, err)
			continue
		}
		if applied := s.AppliedIndex(); applied < promised || !r.is(s, applied) {
			r.t.Errorf("step %d, entry %d promised: found entry %d, and its state: %v", r.steps, promised, applied, r.is(s, applied))
		}
		if err := s.Close(); err != nil {
			r.t.Errorf("step %d: %v", r.steps, err)
		}
	}
}

func (r *crashRig) is(s *Store, applied uint64) bool {
	return applied == 0 && len(s.Contracts()) == 0 || applied > 0 && contents(r.t, s) == r.states[applied]
}

// run brings the store from one entry to the next.
func (r *crashRig) run(s *Store, from, to uint64) {
	for i := from; i <= to; i++ {
		addBlock(r.t, s, i)
		if i%3 == 0 {
			require.NoError(r.t, s.Sync(context.Background()))
			r.promised.Store(i)
		}
	}
}

func TestEachStepOfTheStore(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	for name, logged := range map[string]bool{"member": false, "follower": true} {
		t.Run(name, func(t *testing.T) {
			r := newCrashRig(t, logged)
			files := r.powerFails(anyStep)
			s, err := r.open(files)
			require.NoError(t, err)
			r.run(s, 1, 5)
			require.NoError(t, s.Snapshot(context.Background(), "own"))
			r.promised.Store(5)
			r.run(s, 6, 10)
			require.NoError(t, s.Restore("snapshot"))
			r.promised.Store(20)
			r.run(s, 21, 25)
			require.NoError(t, s.Close())
			r.promised.Store(25)
			s, err = r.open(files)
			require.NoError(t, err)
			r.run(s, 26, 28)
			require.NoError(t, s.Close())
			t.Logf("%d steps, %d images", r.steps, r.images)
			require.Greater(t, r.steps, 100)
		})
	}
}

var errKilled = errors.New("killed")

// killed makes a file system on which the store, though not Pebble below it,
// does its first steps only.
func (r *crashRig) killed(after int) (files vfs.FS, steps *int) {
	steps = new(int)
	return errorfs.Wrap(r.files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !ourStep(op) {
			return nil
		}
		if *steps++; *steps > after {
			return errKilled
		}
		return nil
	})), steps
}

// The process is killed at a step, which loses nothing, starts again, and then
// the power fails.
func TestKilledAtEachStepAndThenThePower(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	for name, begun := range map[string]bool{"first start": false, "restore": true} {
		t.Run(name, func(t *testing.T) {
			done := false
			for after := 0; !done; after++ {
				r := newCrashRig(t, false)
				if begun {
					whole, _ := r.killed(1 << 20)
					s, err := r.open(whole)
					require.NoError(t, err)
					r.run(s, 1, 6)
					require.NoError(t, s.Close())
				}
				files, steps := r.killed(after)
				s, err := r.open(files)
				if err == nil && begun {
					err = s.Restore("snapshot")
				}
				if s != nil {
					_ = s.Close() // errKilled, where it was
				}
				if done = err == nil; !done {
					require.ErrorIs(t, err, errKilled)
				}
				s, err = r.open(r.powerFails(ourStep))
				require.NoError(t, err, "killed after %d steps", after)
				require.True(t, r.is(s, s.AppliedIndex()), "killed after %d steps", after)
				require.NoError(t, s.Close())
				require.True(t, !done || after > 3, "%d steps only", *steps)
			}
		})
	}
}
