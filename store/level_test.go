package store

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/folder"
)

// later is a level that this binary does not know.
func later() release.Need { return release.Need{Level: release.Newest + 1, Release: "9.0.0"} }

// byLevel has another format of Pebble's for later than before it.
func byLevel(l release.Level) pebble.FormatMajorVersion {
	if l < later().Level {
		return pebble.FormatTableFormatV6
	}
	return pebble.FormatValueSeparation
}

func openByLevel(dir string) (*Store, error) { return Open(Config{Dir: dir, pebbleFormat: byLevel}) }

func setLevel(t *testing.T, s *Store, index uint64, need release.Need) {
	t.Helper()
	require.NoError(t, s.Update(index, func(tx *Tx) error { tx.SetLevel(need); return nil }))
}

func requireTooOld(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, release.ErrTooOld)
	require.NotErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "install bpsc 9.0.0 or newer")
}

// Pebble's format is raised by the activation and by nothing else, and who does not know
// the level is told what to install.
func TestLevels(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s, err := openByLevel(dir)
	require.NoError(t, err)
	require.NoError(t, s.Update(1, func(*Tx) error { return nil }))
	before, after := filepath.Join(t.TempDir(), "before"), filepath.Join(t.TempDir(), "after")
	require.NoError(t, s.Snapshot(t.Context(), before))
	require.NoError(t, s.Close())

	s, err = openByLevel(dir)
	require.NoError(t, err)
	require.Equal(t, release.For(release.First), s.Level())
	require.Equal(t, pebble.FormatTableFormatV6, s.db.FormatMajorVersion(), "a start raises nothing")
	require.NoFileExists(t, filepath.Join(dir, folder.LevelFile))

	setLevel(t, s, s.AppliedIndex()+1, later())
	require.Equal(t, pebble.FormatValueSeparation, s.db.FormatMajorVersion())
	require.NoError(t, s.Snapshot(t.Context(), after))
	require.NoError(t, s.Restore(before), "a state from before")
	require.Equal(t, release.For(release.First), s.Level())
	requireTooOld(t, Check(t.Context(), after))
	require.NoError(t, CheckReceived(t.Context(), after, 0, math.MaxUint64), "that is no damage, and Restore says what it is")
	requireTooOld(t, s.Restore(after))
	require.NoError(t, s.Close())

	_, err = openByLevel(dir)
	requireTooOld(t, err)
	_, err = Open(Config{Dir: dir, ReadOnly: true})
	requireTooOld(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, folder.LevelFile)))
	s, err = openByLevel(dir)
	require.NoError(t, err, "what was restored is of the first level")
	setLevel(t, s, s.AppliedIndex()+1, later())
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, folder.LevelFile)))
	_, err = openByLevel(dir)
	requireTooOld(t, err)
}

// A crash between the format and the level: the log says the level again.
func TestLevelAfterACrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s, err := openByLevel(dir)
	require.NoError(t, err)
	setLevel(t, s, 1, later())
	require.NoError(t, s.Abandon())
	_, err = openByLevel(dir)
	requireTooOld(t, err)
}
