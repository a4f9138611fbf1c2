package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestTheDirectoryIsASetThatSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes.json")
	d, err := openDirectory(path)
	require.NoError(t, err)
	nodes := func(d *directory) []string { page, _ := d.Nodes("", 10); return page }
	require.Empty(t, nodes(d))
	require.NoError(t, d.Register([]string{"b:2", "a:1"}, "net"))
	require.NoError(t, d.Register([]string{"a:1", "c:3"}, "net"))
	require.NoError(t, d.Remove("c:3"))
	require.ErrorIs(t, d.Remove("c:3"), chain.NotFound)
	require.Equal(t, []string{"a:1", "b:2"}, nodes(d))

	again, err := openDirectory(path)
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, nodes(again))
}

func TestADamagedDirectoryIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes.json")
	require.NoError(t, os.WriteFile(path, []byte("["), 0o600))
	_, err := openDirectory(path)
	require.ErrorIs(t, err, errDirectory)
}
