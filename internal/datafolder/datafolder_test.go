package datafolder_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/datafolder"
)

func TestHowAFolderWasLeft(t *testing.T) {
	dir := t.TempDir()
	left := func(dir string) datafolder.Left {
		f, err := datafolder.Take(dir)
		require.NoError(t, err)
		left, err := f.Left()
		require.NoError(t, err)
		require.NoError(t, f.Release())
		return left
	}
	require.Equal(t, datafolder.Stopped, left(dir), "it is new")

	f, err := datafolder.Take(dir)
	require.NoError(t, err)
	require.NoError(t, f.Serve())
	_, err = datafolder.Take(dir)
	require.ErrorIs(t, err, datafolder.ErrInUse)
	noted, err := os.ReadFile(filepath.Join(dir, "LOCK"))
	require.NoError(t, err)
	require.NoError(t, f.Release())
	require.Equal(t, datafolder.Stopped, left(dir))

	copied := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(copied, "LOCK"), noted, 0o600))
	require.Equal(t, datafolder.Copied, left(copied))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LOCK"), noted, 0o600)) // in place: the same file
	require.Equal(t, datafolder.Killed, left(dir))
}
