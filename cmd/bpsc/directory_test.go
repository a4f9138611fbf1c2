package main

import (
	"fmt"
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
	require.Empty(t, d.Nodes())
	all, err := d.Register(t.Context(), []string{"b:2", "a:1"})
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, all)
	all, err = d.Register(t.Context(), []string{"a:1"})
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, all)

	again, err := openDirectory(path)
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, again.Nodes())
}

func TestTheDirectoryTakesAllOrNothing(t *testing.T) {
	d, err := openDirectory(filepath.Join(t.TempDir(), "nodes.json"))
	require.NoError(t, err)
	_, err = d.Register(t.Context(), []string{"a:1"})
	require.NoError(t, err)
	var many []string
	for i := range maxNodes {
		many = append(many, fmt.Sprintf("host-%d:1", i))
	}
	_, err = d.Register(t.Context(), many)
	require.ErrorIs(t, err, chain.NodesFull)
	require.Equal(t, []string{"a:1"}, d.Nodes())
}

func TestADamagedDirectorySaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes.json")
	require.NoError(t, os.WriteFile(path, []byte("["), 0o600))
	_, err := openDirectory(path)
	require.ErrorContains(t, err, "move it away")
}
