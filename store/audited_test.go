package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A state that came from a snapshot is to be audited until that was done, whatever
// happens meanwhile, and no other is.
func TestWhatWasRestoredIsUnauditedUntilItIsNoted(t *testing.T) {
	cfg := Config{Dir: t.TempDir() + "/state", FilterBytes: 1 << 10}
	s, err := Open(cfg)
	require.NoError(t, err)
	unaudited := func() string {
		name, err := s.Unaudited()
		require.NoError(t, err)
		return name
	}
	reopen := func() {
		require.NoError(t, s.Close())
		s, err = Open(cfg)
		require.NoError(t, err)
	}
	restore := func() {
		dir := t.TempDir() + "/snapshot"
		require.NoError(t, s.Update(s.AppliedIndex()+1, func(*Tx) error { return nil }))
		require.NoError(t, s.Snapshot(t.Context(), dir))
		require.NoError(t, s.Restore(dir))
	}
	require.Empty(t, unaudited(), "it began here")
	restore()
	first := unaudited()
	require.NotEmpty(t, first)
	reopen()
	require.Equal(t, first, unaudited())
	require.NoError(t, s.SetAudited(first))
	require.Empty(t, unaudited())
	reopen()
	require.Empty(t, unaudited())
	restore()
	second := unaudited()
	require.NotEmpty(t, second)
	require.NotEqual(t, first, second)
	require.NoError(t, s.SetAudited(first)) // one that was begun before is late
	require.Equal(t, second, unaudited())
	reopen()
	require.Equal(t, second, unaudited())
	require.NoError(t, s.Close())
}
