package recoveries_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/recoveries"
)

func TestWhatWasAcceptedOnceStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recoveries.json")
	none, err := recoveries.Remember[string](path, nil)
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoFileExists(t, path)
	for _, x := range []struct{ accepted, want []string }{
		{[]string{"a"}, []string{"a"}},
		{nil, []string{"a"}},
		{[]string{"b", "a"}, []string{"a", "b"}},
	} {
		got, err := recoveries.Remember(path, x.accepted)
		require.NoError(t, err)
		require.Equal(t, x.want, got)
	}
	_, err = recoveries.Remember(path, make([]string, 1))
	require.NoError(t, err)
	many := make([]int, recoveries.Max+1)
	for i := range many {
		many[i] = i
	}
	_, err = recoveries.Remember(filepath.Join(t.TempDir(), "many"), many)
	require.ErrorContains(t, err, "more than 100")

	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
	_, err = recoveries.Remember(path, []string{"a"})
	require.Error(t, err, "a damaged file is no empty one")
}
