package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster"
)

func TestReachIsReadAsItIsWritten(t *testing.T) {
	r, err := ParseReach("5/120")
	require.NoError(t, err)
	require.Equal(t, Reach{Term: 5, Entry: 120}, r)
	require.Equal(t, "5/120", r.String())
	for _, text := range []string{"", "5", "5/", "/5", "5/120x", "-5/1", "5/1/2"} {
		_, err := ParseReach(text)
		require.Error(t, err, text)
	}
}

// The one that goes on has to be the one with the most, or to know that it is not.
func TestWhoHasTheMostIsSaidInWords(t *testing.T) {
	one, two := make([]cluster.Peer, 1), make([]cluster.Peer, 2)
	for name, tc := range map[string]struct {
		members []cluster.Peer
		most    Reach
		behind  bool
		err     error
	}{
		"alone":                      {one, Reach{}, false, nil},
		"alone, and said":            {one, Reach{5, 100}, false, nil},
		"alone, and another has it":  {one, Reach{5, 101}, false, ErrNotTheMost},
		"of two, not said":           {two, Reach{}, false, ErrUsage},
		"of two the one with most":   {two, Reach{5, 100}, false, nil},
		"of two the other":           {two, Reach{5, 101}, true, nil},
		"of two one of an old term":  {two, Reach{6, 7}, true, nil},
		"it has more than was said":  {two, Reach{5, 99}, false, ErrNotTheMost},
		"it has a later term itself": {two, Reach{4, 500}, false, ErrNotTheMost},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Recover{Members: tc.members, Most: tc.most}
			behind, err := r.behind(Reach{5, 100})
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.behind, behind)
		})
	}
}

// Of three members two are lost. The third goes on alone, and says so in the chain.
func TestAMemberGoesOnAloneOnceTheOthersAreLost(t *testing.T) {
	all := configs(t, 3)
	var members []*Member
	for _, cfg := range all {
		members = append(members, start(t, cfg))
	}
	ready(t, members[0].WaitReady)
	r := &Recover{Data: all[0].Data, Members: all[0].Peers[:1], By: "op", Reason: "two disks burnt"}
	_, err := Survey(r.Data)
	require.ErrorIs(t, err, ErrUsage, "it runs")
	for _, m := range members {
		require.NoError(t, m.Stop(t.Context()))
	}

	has, err := Survey(r.Data)
	require.NoError(t, err)
	require.Equal(t, "n1", has.Member)
	require.Equal(t, []string{"n1", "n2", "n3"}, has.Voters)
	for _, wrong := range []*Recover{
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
