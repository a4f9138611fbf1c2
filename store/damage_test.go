package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/store/folder"
)

// Whatever bit of a table or of a file of values is damaged, Check finds it: in a filter
// too, which no scan of the rows reads, and in what stands at the end and says what the rest is.
func TestDamageAnywhereInAFileIsFound(t *testing.T) {
	sound := compacted(t)
	require.NoError(t, Check(t.Context(), sound))
	const ends = 64 // bytes, more than any of them has at its end to be opened by
	for _, pattern := range []string{"*.sst", "*.blob"} {
		path := one(t, sound, pattern)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		step := 23 // bytes, fewer than each of its parts has
		if testing.Short() {
			step = 211
		}
		for at := 0; at < len(text); at++ {
			if at%step != 0 && at < len(text)-ends {
				continue
			}
			text[at] ^= 0x40
			require.NoError(t, os.WriteFile(path, text, 0o600))
			err := Check(t.Context(), sound)
			require.ErrorIs(t, err, ErrDamaged, "%s: byte %d of %d", pattern, at, len(text))
			require.NotContains(t, err.Error(), "carrier", "Pebble's words for programs")
			text[at] ^= 0x40
		}
		for _, left := range []int{0, 1, ends / 2, len(text) / 2, len(text) - 1} {
			require.NoError(t, os.WriteFile(path, text[:left], 0o600))
			require.ErrorIs(t, Check(t.Context(), sound), ErrDamaged, "%s: %d bytes of %d", pattern, left, len(text))
		}
		require.NoError(t, os.Remove(path))
		require.ErrorIs(t, Check(t.Context(), sound), ErrDamaged, "%s: gone", pattern)
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
}

// Pebble opens a database of which a file of values is gone, or a part of one; a store says so
// before anybody reads it.
func TestAFileOfValuesThatIsGoneIsFoundAtStart(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone":      os.Remove,
		"cut short": func(path string) error { return os.Truncate(path, 40) },
	} {
		dir := t.TempDir()
		s := openTest(t, dir, 0)
		require.NoError(t, s.Restore(compacted(t)))
		require.NoError(t, s.Close())
		require.NoError(t, spoil(one(t, dir, "db-*/*.blob")))
		_, err := Open(Config{Dir: dir})
		require.ErrorIs(t, err, ErrDamaged, name)
		require.ErrorContains(t, err, "files of values with", name)
	}
}

// apart is the size of a value that Pebble keeps apart from its key.
const apart = 2 << 10

// compacted is the folder of a store whose rows are all on the last level, where reads
// do without filters, and of which one value is kept apart.
func compacted(t *testing.T) string {
	t.Helper()
	s := openTest(t, t.TempDir(), 0)
	for i := range uint64(40) {
		addBlock(t, s, i+1)
	}
	require.NoError(t, s.db.Set([]byte{0xfe}, make([]byte, apart), pebble.NoSync))
	dir := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, s.Snapshot(t.Context(), filepath.Join(t.TempDir(), "flushed")))
	require.NoError(t, s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false))
	require.NoError(t, s.Snapshot(t.Context(), dir))
	require.NoError(t, s.Close())
	return dir
}

func TestADamagedFilterIsFoundAtStart(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	require.NoError(t, s.Restore(compacted(t)))
	require.NoError(t, s.Close())
	path := one(t, dir, "db-*/*.sst")
	filter := filterOf(t, path)
	flip(t, path, int(filter.Offset+filter.Length/2))
	_, err := Open(Config{Dir: dir})
	require.ErrorIs(t, err, ErrDamaged)
}

// filterOf is where the filter of a table stands in its file.
func filterOf(t *testing.T, path string) block.Handle {
	t.Helper()
	file, err := vfs.Default.Open(path)
	require.NoError(t, err)
	readable, err := sstable.NewSimpleReadable(file)
	require.NoError(t, err)
	table, err := sstable.NewReader(t.Context(), readable, sstable.ReaderOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, table.Close()) }()
	layout, err := table.Layout()
	require.NoError(t, err)
	return layout.Filter[0].Handle
}

// A store does not open where it is not said what a binary has to know for it; so that is
// damage, too.
func TestADamagedLevelIsFound(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	addBlock(t, s, 1)
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, folder.LevelFile), []byte("noise"), 0o600))
	_, err := Open(Config{Dir: dir})
	require.ErrorIs(t, err, ErrDamaged)
	found, err := DamageIn(t.Context(), dir)
	require.NoError(t, err)
	require.ErrorIs(t, found.Rest, ErrDamaged)
	require.ErrorContains(t, found.Rest, folder.LevelFile)
	require.Empty(t, found.Blocks)
}
