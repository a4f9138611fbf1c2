package local

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What cannot be removed is said.
func TestACleanupThatFailsIsSaid(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, (&Cluster{Dir: dir + "/."}).Stop(), ErrLeft) // no name that can be removed
	require.DirExists(t, dir)
	require.NoError(t, (&Cluster{Dir: dir}).Stop())
	require.NoDirExists(t, dir)
}
