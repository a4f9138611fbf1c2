package folder

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/store"
)

// While a member is replaced there are two of its id, at one address.
func TestOthersAreEachNamedOnce(t *testing.T) {
	members := map[string]store.Member{
		"n1":   {Since: 1, URL: "http://10.0.0.1:5000"},
		"n2":   {Since: 1, URL: "http://10.0.0.2:5000"},
		"n3":   {Since: 1, URL: "http://10.0.0.3:5000"},
		"n3/b": {Since: 7, URL: "http://10.0.0.3:5000"},
		"n4":   {Since: 1, URL: "http://10.0.0.4:5000", Removed: true},
		"n5":   {URL: "http://10.0.0.5:5000"},
		"n6":   {Since: 1},
	}
	require.Equal(t, []string{"http://10.0.0.2:5000", "http://10.0.0.3:5000"}, Others(members, "n1"))
}

// What a file names is shown as part of a command: nothing is taken from it that could hold a
// secret, and nothing from one that is not as it was written.
func TestNotedNeighboursAreAHint(t *testing.T) {
	dir := t.TempDir()
	require.Empty(t, NotedNeighbours(dir))
	require.NoError(t, WriteNeighbours(dir, []string{"https://n2.example:5000", "https://ann:secret@n3.example", "https://n4.example/?token=x", "://"}))
	require.Equal(t, []string{"https://n2.example:5000"}, NotedNeighbours(dir))
	require.NoError(t, WriteNeighbours(dir, make([]string, maxNeighbours+1)))
	require.Empty(t, NotedNeighbours(dir))
	require.NoError(t, durable.WriteFile(dir+"/"+NeighboursFile, []byte(`["https://n2.example:5000"]`), 0o600))
	require.Empty(t, NotedNeighbours(dir))
}
