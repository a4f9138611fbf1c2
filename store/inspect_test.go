package store

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInspectTellsWhatASnapshotIsOf(t *testing.T) {
	s := openTest(t, t.TempDir(), 1<<20)
	defer s.Close()
	for i := range uint64(20) {
		addBlock(t, s, i+1)
	}
	dir := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, s.Snapshot(t.Context(), dir))
	files := names(t, dir)
	found, err := Inspect(dir)
	require.NoError(t, err)
	require.Equal(t, s.AppliedIndex(), found.Applied)
	require.Len(t, found.Chains, 1)
	require.Equal(t, s.Contracts()[0], found.Chains[0].Info)
	require.NoError(t, Check(t.Context(), dir))
	require.NoError(t, CheckReceived(t.Context(), dir, found.Applied, found.Applied))
	require.ErrorIs(t, CheckReceived(t.Context(), dir, found.Applied+1, math.MaxUint64), ErrDamaged, "it is older than it is said to be")
	require.ErrorIs(t, CheckReceived(t.Context(), dir, 0, found.Applied-1), ErrDamaged, "it has what the log would bring once more")
	require.Equal(t, files, names(t, dir), "with one more file it would be another snapshot, which no member takes")

	addBlock(t, s, 21) // the snapshot is what it was
	again, err := Inspect(dir)
	require.NoError(t, err)
	require.Equal(t, found, again)

	flip(t, one(t, filepath.Dir(dir), "snapshot/*.sst"), 300)
	require.ErrorIs(t, Check(t.Context(), dir), ErrDamaged)

	tables, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(tables[0], 10))
	_, err = Inspect(dir)
	require.ErrorIs(t, err, ErrDamaged)
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
