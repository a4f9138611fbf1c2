package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// openLogged opens a store that has no Raft log above it.
func openLogged(t testing.TB, dir string) *Store {
	s, err := Open(Config{Dir: dir, LayerBytes: 3000, FilterBytes: testFilter, Log: true})
	require.NoError(t, err)
	return s
}

func TestACrashKeepsWhatWasSynced(t *testing.T) {
	for _, logged := range []bool{true, false} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint("log ", logged, ", seed ", seed), func(t *testing.T) { crashAtRandom(t, logged, seed) })
		}
	}
}

func crashAtRandom(t *testing.T, logged bool, seed uint64) {
	rng, dir := rand.New(rand.NewPCG(seed, seed)), t.TempDir()
	open := func() *Store {
		s, err := Open(Config{Dir: dir, LayerBytes: 3000, FilterBytes: testFilter, Log: logged})
		require.NoError(t, err)
		return s
	}
	s := open()
	states, applied, synced := []string{""}, uint64(0), uint64(0)
	for range 40 {
		switch rng.IntN(6) {
		default:
			applied++
			addBlock(t, s, applied)
			states = append(states[:applied], contents(t, s))
		case 0:
			require.NoError(t, s.Sync(context.Background()))
			synced = applied
		case 1:
			require.NoError(t, s.Abandon())
			s = open()
			applied = s.AppliedIndex()
			require.GreaterOrEqual(t, applied, synced)
			if applied > 0 {
				require.Equal(t, states[applied], contents(t, s))
			}
		}
	}
	require.NoError(t, s.Close())
}

func TestSyncOfSmallChangesWritesNoTable(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Config{Dir: dir, Log: true})
	require.NoError(t, err)
	for i := uint64(1); i <= 300; i++ {
		addBlock(t, s, i)
		require.NoError(t, s.Sync(context.Background()))
	}
	tables, err := filepath.Glob(filepath.Join(dir, "db-*", "*.sst"))
	require.NoError(t, err)
	require.Empty(t, tables)
	want := contents(t, s)
	require.NoError(t, s.Abandon())
	s = openLogged(t, dir)
	require.Equal(t, want, contents(t, s))
	require.NoError(t, s.Close())
}

func TestSyncAgainDoesNothing(t *testing.T) {
	for _, logged := range []bool{true, false} {
		s, err := Open(Config{Dir: t.TempDir(), Log: logged})
		require.NoError(t, err)
		require.NoError(t, s.Sync(context.Background()))
		addBlock(t, s, 1)
		require.NoError(t, s.Sync(context.Background()))
		active := s.active
		require.NoError(t, s.Sync(context.Background()))
		require.Same(t, active, s.active, "a layer was frozen for nothing")
		addBlock(t, s, 2)
		require.NoError(t, s.Sync(context.Background()))
		require.NotSame(t, active, s.active)
		require.NoError(t, s.Close())
		require.ErrorIs(t, s.Sync(context.Background()), ErrClosed)
	}
}

// Whatever part of Pebble's log reached the disk, what it makes of it is the
// state after some update, with that update's index.
func TestALogCutAnywhereIsAPrefix(t *testing.T) {
	dir := t.TempDir()
	s := openLogged(t, dir)
	states := []string{""}
	for i := uint64(1); i <= 12; i++ {
		addBlock(t, s, i)
		require.NoError(t, s.Sync(context.Background()))
		states = append(states, contents(t, s))
	}
	require.NoError(t, s.Abandon())
	log, err := filepath.Rel(dir, one(t, dir, "db-*/*.log"))
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, log))
	require.NoError(t, err)
	seen := map[uint64]bool{}
	for cut := info.Size(); cut >= 0; cut -= 211 {
		damaged := filepath.Join(t.TempDir(), "store")
		require.NoError(t, os.CopyFS(damaged, os.DirFS(dir)))
		require.NoError(t, os.Truncate(filepath.Join(damaged, log), cut))
		s := openLogged(t, damaged)
		applied := s.AppliedIndex()
		seen[applied] = true
		if applied > 0 {
			require.Equal(t, states[applied], contents(t, s), "cut at %d", cut)
		}
		require.NoError(t, s.Close())
	}
	require.Len(t, seen, len(states))
}
