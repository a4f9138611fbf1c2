package folder

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/nodelist"
)

func TestTheDirectoryIsASetThatSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes.json")
	d, err := OpenDirectory(path, nil)
	require.NoError(t, err)
	nodes := func(d *Directory) []string { page, _ := d.Nodes("", 10); return page }
	require.Empty(t, nodes(d))
	require.NoError(t, d.Register([]string{"b:2", "a:1"}, "net"))
	require.NoError(t, d.Register([]string{"a:1", "c:3"}, "net"))
	require.NoError(t, d.Remove("c:3"))
	require.ErrorIs(t, d.Remove("c:3"), chain.NotFound)
	require.Equal(t, []string{"a:1", "b:2"}, nodes(d))

	again, err := OpenDirectory(path, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, nodes(again))
}

func TestADamagedDirectoryIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes.json")
	require.NoError(t, os.WriteFile(path, []byte("["), 0o600))
	_, err := OpenDirectory(path, nil)
	require.ErrorIs(t, err, ErrDirectory)

	require.NoError(t, os.Remove(path))
	d, err := OpenDirectory(path, nil)
	require.NoError(t, err)
	require.NoError(t, d.Register([]string{"a:1", "b:2"}, "net"))
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	refused := 0
	for at := range 8 * len(sound) {
		text := bytes.Clone(sound)
		text[at/8] ^= 1 << (at % 8)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		d, err := OpenDirectory(path, nil)
		if err != nil {
			require.ErrorIs(t, err, ErrDirectory)
			refused++
			continue
		}
		page, _ := d.Nodes("", 10) // what is changed is the word for the checksum
		require.Equal(t, []string{"a:1", "b:2"}, page, "bit %d", at)
	}
	require.Greater(t, refused, 8*len(sound)/2)
}

// A list of a release before is read, and a release before reads this one's.
func TestADirectoryOfAnotherRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes.json")
	require.NoError(t, os.WriteFile(path, []byte(`[{"from":"net","nodes":["a:1"]}]`+"\n"), 0o600))
	d, err := OpenDirectory(path, nil)
	require.NoError(t, err)
	page, _ := d.Nodes("", 10)
	require.Equal(t, []string{"a:1"}, page)
	require.NoError(t, d.Remove("a:1"))
	for _, node := range []string{"b:2", "c:3"} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var before nodelist.List
		require.NoError(t, json.Unmarshal(text, &before))
		d, err = OpenDirectory(path, nil)
		require.NoError(t, err)
		page, _ = d.Nodes("", 10)
		require.Equal(t, before.Page("", 10), page)
		require.NoError(t, d.Register([]string{node}, "net"))
	}
}
