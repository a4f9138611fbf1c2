package wallet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestKnownChains(t *testing.T) {
	k := KnownChains{Dir: filepath.Join(t.TempDir(), "keys")}
	one, two := chain.HashBytes([]byte("one")), chain.HashBytes([]byte("two"))
	servers, names := []string{"http://a:5000", "http://b:5000"}, []string{"aka", "*"}

	require.NoError(t, k.Check(servers, names, one), "first use")
	require.NoError(t, k.Check(servers, names, one))
	require.ErrorIs(t, k.Check(servers[1:], names[:1], two), ErrChainChanged, "one of the servers by itself")
	require.ErrorIs(t, k.Check([]string{"http://c:5000", "http://a:5000"}, names, two), ErrChainChanged)
	require.NoError(t, k.Check([]string{"http://c:5000"}, names, two), "the refusal has not made another server known")
	require.NoError(t, k.Check(servers, []string{"gold"}, two), "another contract")

	require.NoError(t, k.Trust(servers, names, two))
	require.NoError(t, k.Check(servers, names, two))
	require.ErrorIs(t, k.Check(servers, names, one), ErrChainChanged)
	before, err := os.ReadFile(k.path())
	require.NoError(t, err)
	require.NoError(t, k.Trust(servers, names, two))
	after, err := os.ReadFile(k.path())
	require.NoError(t, err)
	require.Equal(t, before, after, "what is known is not written again")
}

func TestKnownChainsThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"a line too short": "http://a aka\n",
		"no id":            "http://a aka 12\n",
		"too long":         string(make([]byte, maxKnownChains+1)),
	} {
		k := KnownChains{Dir: t.TempDir()}
		require.NoError(t, os.WriteFile(k.path(), []byte(text), 0o600))
		require.ErrorIs(t, k.Check([]string{"http://a"}, []string{"aka"}, chain.Hash{1}), ErrDamaged, name)
		require.ErrorIs(t, k.Trust([]string{"http://a"}, []string{"aka"}, chain.Hash{1}), ErrDamaged, name)
	}
}
