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
