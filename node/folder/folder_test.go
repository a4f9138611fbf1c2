package folder

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The folder of one kind of process is not taken for another's.
func TestAFolderIsOfOneKind(t *testing.T) {
	kinds := []Kind{Member, Follower, Witness}
	for _, kind := range kinds {
		for _, name := range marks(kind) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			for _, other := range kinds {
				if other == kind {
					require.NoError(t, Check(dir, other))
				} else {
					require.ErrorIs(t, Check(dir, other), ErrUsage, "%s for %s", name, other)
				}
			}
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorIs(t, Check(file, Member), ErrUsage)
}
