package keepsake_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/keepsake"
)

// What was there and is not, or is not what it was, is told until somebody says that it is
// known.
func TestWhatIsLostIsTold(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	require.NoError(t, os.Mkdir(path("policies"), 0o700))
	for _, name := range []string{"own.db", "policies/aka.policy"} {
		require.NoError(t, os.WriteFile(path(name), []byte("as it was"), 0o600))
	}
	l, err := keepsake.Open(dir)
	require.NoError(t, err)
	require.NoError(t, l.Add(path("own.db")))
	require.NoError(t, l.AddText(path("policies/aka.policy"), []byte("as it was")))

	again := func() *keepsake.List {
		l, err := keepsake.Open(dir)
		require.NoError(t, err)
		return l
	}
	lost := func() []keepsake.Lost {
		lost, err := again().Lost()
		require.NoError(t, err)
		return lost
	}
	require.Empty(t, lost())
	require.NoError(t, os.WriteFile(path("policies/aka.policy"), []byte("as it was, and more"), 0o600))
	require.Empty(t, lost())
	for _, name := range []string{"own.db", "policies/aka.policy"} {
		require.NoError(t, os.WriteFile(path(name), []byte("as it is"), 0o600))
	}
	require.Equal(t, []keepsake.Lost{{Name: "policies/aka.policy", Altered: true}}, lost())
	require.NoError(t, os.Remove(path("policies/aka.policy")))
	require.NoError(t, os.Remove(path("own.db")))
	require.Equal(t, []keepsake.Lost{{Name: "own.db"}, {Name: "policies/aka.policy"}}, lost())
	require.NoError(t, again().Forget("own.db"))
	require.Equal(t, []keepsake.Lost{{Name: "policies/aka.policy"}}, lost())
}

// A list that cannot be read says so, and can be begun again.
func TestAListThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, keepsake.File), []byte(`{"own.db":""}`+"\n"), 0o600))
	l, err := keepsake.Open(dir)
	require.ErrorIs(t, err, keepsake.ErrUnreadable)
	require.NoError(t, l.Add(filepath.Join(dir, "own.db")))
	l, err = keepsake.Open(dir)
	require.NoError(t, err)
	lost, err := l.Lost()
	require.NoError(t, err)
	require.Equal(t, []keepsake.Lost{{Name: "own.db"}}, lost)
}

func TestNoList(t *testing.T) {
	var l *keepsake.List
	require.NoError(t, l.Add("anywhere"))
	require.NoError(t, l.AddText("anywhere", nil))
}
