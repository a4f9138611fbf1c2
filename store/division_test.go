package store

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestChainsOfMoreThanAnEpochAreLong(t *testing.T) {
	var heads []*Head
	for i := range uint32(2 * dividedChains) {
		h := newHead(i, chain.Contract{})
		h.Records = uint64(i % 3)
		heads = append(heads, h)
	}
	require.Equal(t, []uint32{2, 5, 8, 11, 14}, longChains(heads, 1))
	require.Len(t, longChains(heads, 0), dividedChains)
}

// filesOf are the files in a level of the tables that come in order, in the order of their
// keys, by number. No file may have rows of two tables of many.
func filesOf(t *testing.T, s *Store, level int) (all []string) {
	t.Helper()
	levels, err := s.db.SSTables()
	require.NoError(t, err)
	for i := range levels {
		for _, file := range levels[i] {
			end := s.division.End(file.Smallest.UserKey)
			require.True(t, end == nil || bytes.Compare(file.Largest.UserKey, end) < 0, "%x to %x", file.Smallest.UserKey, file.Largest.UserKey)
			if i == level && slices.Contains(orderedTables[:], file.Smallest.UserKey[0]) {
				all = append(all, file.BackingSSTNum.String())
			}
		}
	}
	return all
}

// What comes in order is merged once, whatever accounts and ids are merged beside it.
func TestWhatComesInOrderIsNotWrittenAgain(t *testing.T) {
	s, err := Open(Config{Dir: "state", FS: vfs.NewMem(), FilterBytes: testFilter})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	add := func() {
		for range 2 * flushesToSink {
			addBlock(t, s, s.AppliedIndex()+1)
			require.NoError(t, s.Sync(t.Context()))
		}
		require.NotNil(t, s.sinking)
		<-s.sinking.Done()
		require.Less(t, len(filesOf(t, s, 0)), 200, "so many are not left to lie beside each other")
	}
	add()
	merged := func() int64 { return s.db.Metrics().Compact.Count }
	files, before := filesOf(t, s, 6), merged()
	require.NotEmpty(t, files)
	add()
	require.Greater(t, merged(), before+5)
	require.Subset(t, filesOf(t, s, 6), files)
}

// A store that is closed meanwhile is as it was.
func TestAStoreIsClosedWhileFilesSink(t *testing.T) {
	files := vfs.NewMem()
	open := func() *Store {
		s, err := Open(Config{Dir: "state", FS: files, FilterBytes: testFilter})
		require.NoError(t, err)
		return s
	}
	s := open()
	for range 2 * flushesToSink { // the last of which makes them sink
		addBlock(t, s, s.AppliedIndex()+1)
		require.NoError(t, s.Sync(t.Context()))
	}
	require.NoError(t, s.Close())
	require.Nil(t, s.sinking)
	s = open()
	require.Equal(t, uint64(2*flushesToSink), s.AppliedIndex())
	for i := uint64(1); i <= 2*flushesToSink; i++ {
		_, _, err := s.Block("aka", i)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
}
