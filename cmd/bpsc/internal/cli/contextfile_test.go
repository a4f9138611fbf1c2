package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

func put(name string) func(*Contexts) error {
	return func(all *Contexts) error { return all.Put(name, Context{Servers: []string{"h:1"}}) }
}

// Of those who change the contexts at once none loses what another has put there.
func TestContextsAreChangedByOneAtATime(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	const writers = 16
	var all sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		all.Go(func() { errs[i] = ChangeContexts(t.Context(), put(fmt.Sprint("c", i))) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	c, err := ReadContexts()
	require.NoError(t, err)
	require.Len(t, c.All, writers)
}

// Whoever waits for another's change can be told to stop, and has changed nothing.
func TestAChangeOfContextsWaitsNoLongerThanItMay(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	require.NoError(t, ChangeContexts(t.Context(), put("one")))
	path := filepath.Join(dir, "bpsc", contextsFile)
	other := flock.New(path + ".lock")
	require.NoError(t, other.Lock())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, ChangeContexts(ctx, put("two")), context.Canceled)
	require.NoError(t, other.Close())
	c, err := ReadContexts()
	require.NoError(t, err)
	require.Equal(t, []string{"one"}, c.Names())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// A link to a file that is still to be made leads from where its folder really is.
func TestContextsAreWrittenThroughALinkInALinkedFolder(t *testing.T) {
	repo, home := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	require.NoError(t, os.MkdirAll(filepath.Join(repo, "config", "bpsc"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(repo, "config", "bpsc"), filepath.Join(home, "bpsc")))
	require.NoError(t, os.Symlink("../kept.yaml", filepath.Join(repo, "config", "bpsc", contextsFile)))
	require.NoError(t, ChangeContexts(t.Context(), put("a")))
	require.FileExists(t, filepath.Join(repo, "config", "kept.yaml"))
	c, err := ReadContexts()
	require.NoError(t, err)
	require.Contains(t, c.All, "a")
}

// A lock that cannot be made is not one that another command holds.
func TestAFolderThatRefusesALockIsSaidSo(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	require.NoError(t, os.MkdirAll(filepath.Join(home, "bpsc", contextsFile+".lock"), 0o700))
	err := ChangeContexts(t.Context(), put("a"))
	require.ErrorContains(t, err, "is a directory")
	require.NotContains(t, err.Error(), "another command")
}
