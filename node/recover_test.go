package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/node/repair"
)

// Of three members two are lost. The third goes on alone, and says so in the chain.
func TestAMemberGoesOnAloneOnceTheOthersAreLost(t *testing.T) {
	all := configs(t, 3)
	var members []*Member
	for _, cfg := range all {
		members = append(members, start(t, cfg))
	}
	ready(t, members[0].WaitReady)
	r := &repair.Recover{Data: all[0].Data, Members: all[0].Peers[:1], By: "op", Reason: "two disks burnt"}
	_, err := repair.Survey(r.Data)
	require.ErrorIs(t, err, ErrUsage, "it runs")
	for _, m := range members {
		require.NoError(t, m.Stop(t.Context()))
	}

	has, err := repair.Survey(r.Data)
	require.NoError(t, err)
	require.Equal(t, "n1", has.Member)
	require.Equal(t, []string{"n1", "n2", "n3"}, has.Voters)
	for _, wrong := range []*repair.Recover{
		{Data: r.Data, Members: r.Members, Reason: "nobody did it"},
		{Data: r.Data, By: "op", Reason: "nobody goes on"},
		{Data: r.Data, Members: all[0].Peers[1:2], By: "op", Reason: "another goes on", Most: has.Has},
		{Data: t.TempDir(), Members: r.Members, By: "op", Reason: "there is nothing"},
	} {
		_, _, err := wrong.Run(time.Now())
		require.Error(t, err, wrong.Reason)
	}

	before, after, err := r.Run(time.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"n1", "n2", "n3"}, before)
	require.Equal(t, []string{"n1"}, after)
	alone := start(t, all[0])
	ready(t, alone.WaitReady)
	status := memberStatus{alone.cluster, alone}.Cluster()
	require.Len(t, status.Members, 1)
	// It says so once it leads, which may be a moment later.
	require.Eventually(t, func() bool { return alone.store.Removed("n2") }, limit, time.Millisecond)
	require.False(t, alone.store.Removed("n1"))
}
