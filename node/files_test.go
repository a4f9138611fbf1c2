package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster"
)

func TestFilesAreSharedOut(t *testing.T) {
	cc := cluster.DefaultConfig()
	for _, limit := range []int{1_024, 2_048, 4_096, 20_000, maxFiles} {
		f, err := memberFiles(limit, cc.Files())
		require.NoError(t, err)
		require.LessOrEqual(t, ownFiles+cc.Files()+2*(f.tables+storeFiles)+f.clients, limit)
		require.GreaterOrEqual(t, f.clients, minClients)

		f, err = followerFiles(limit, 0)
		require.NoError(t, err)
		require.LessOrEqual(t, ownFiles+syncFiles+f.relays+f.tables+storeFiles+f.clients, limit)
		require.GreaterOrEqual(t, f.clients, minClients)
	}
	_, err := memberFiles(512, cc.Files())
	require.ErrorContains(t, err, "ulimit -n")
	f, err := witnessFiles(128, 0)
	require.NoError(t, err)
	require.Positive(t, f.clients)
}
