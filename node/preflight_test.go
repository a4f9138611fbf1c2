package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The folder of one kind of process is not taken for another's.
func TestAFolderIsOfOneKind(t *testing.T) {
	for kind, names := range marks {
		for _, name := range names {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			for other := range marks {
				if other == kind {
					require.NoError(t, checkFolder(dir, other))
				} else {
					require.ErrorIs(t, checkFolder(dir, other), ErrUsage, "%s for %s", name, other)
				}
			}
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorIs(t, checkFolder(file, "a member"), ErrUsage)
}
