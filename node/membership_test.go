package node

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// Nothing is written by a start that does not say what it begins.
func TestAFirstStartBeginsAClusterOrJoinsOne(t *testing.T) {
	cfg := configs(t, 1)[0]
	cfg.Raft, cfg.Peers = cfg.Peers[0].Addr, nil
	_, err := StartMember(t.Context(), cfg)
	require.ErrorIs(t, err, ErrUsage)
	require.ErrorContains(t, err, "--cluster or --join")
	require.NoDirExists(t, cfg.Data)

	two := configs(t, 2)[0]
	two.TwoVoters = false
	_, err = StartMember(t.Context(), two)
	require.ErrorIs(t, err, ErrUsage)
	require.ErrorContains(t, err, "--two-voters")
}

// Afterwards the log says who the members are.
func TestALaterStartNeedsNoListOfMembers(t *testing.T) {
	cfg := configs(t, 1)[0]
	first := start(t, cfg)
	ready(t, first.WaitReady)
	require.NoError(t, first.Stop(t.Context()))
	cfg.Raft, cfg.Peers = cfg.Peers[0].Addr, nil
	again := start(t, cfg)
	ready(t, again.WaitReady)
	status := memberStatus{again.cluster, again}.Cluster()
	require.Len(t, status.Members, 1)
	require.True(t, status.Members[0].Voter)
	require.NotZero(t, status.Configuration)
}

func TestWhatToDoNamesTheCommand(t *testing.T) {
	three := configs(t, 3)[1]
	joined, knows := three, three
	joined.Peers = nil
	knows.Data = filepath.Join(t.TempDir(), "it's here")
	require.NoError(t, os.MkdirAll(knows.Data, 0o700))
	require.NoError(t, durable.WriteSealed(filepath.Join(knows.Data, folder.NeighboursFile), []string{"http://10.0.0.2:5000", "http://10.0.0.3:5000"}))
	rebuild := func(cfg MemberConfig) string { return "bpsc cluster rebuild --data " + quoted(cfg.Data) + " --id n2" }
	for _, tc := range []struct {
		cfg  MemberConfig
		err  error
		says []string
	}{
		{three, cluster.ErrRemoved, []string{"never takes part again", "--join", "bpsc cluster add n2 HOST:PORT"}},
		{three, cluster.ErrWentBack, []string{"Wait for n1 and n3:", "BPSC_SERVER names it.\n  " + rebuild(three)}},
		{three, cluster.ErrDamaged, []string{"Wait for n1 and n3:", "BPSC_SERVER names it.\n  " + rebuild(three)}},
		{joined, cluster.ErrDamaged, []string{"Wait for the other members", "BPSC_SERVER names it.\n  " + rebuild(joined)}},
		{knows, cluster.ErrDamaged, []string{"Wait for n1 and n3:", rebuild(knows) + " --server http://10.0.0.2:5000,http://10.0.0.3:5000"}},
		{knows, store.ErrDamaged, []string{rebuild(knows) + " --server http://10.0.0.2:5000,http://10.0.0.3:5000"}},
		{configs(t, 1)[0], cluster.ErrDamaged, []string{"bpsc backup restore"}},
	} {
		m := &Member{cfg: tc.cfg}
		text, known := m.remedy(fmt.Errorf("so it is: %w", tc.err))
		require.True(t, known)
		for _, says := range tc.says {
			require.Contains(t, text, says)
		}
	}
}

func TestMistakesOfAStartAreUsage(t *testing.T) {
	for _, err := range []error{cluster.ErrKnownID, cluster.ErrNotAMember, outcome.TwoVoters} {
		require.ErrorIs(t, misplaced(err), ErrUsage)
		require.ErrorIs(t, misplaced(err), err)
	}
	require.NotErrorIs(t, misplaced(cluster.ErrDamaged), ErrUsage)
	require.NoError(t, misplaced(nil))
}

func TestAFolderThatIsThereMayBeStartedWithoutAList(t *testing.T) {
	cfg := configs(t, 1)[0]
	cfg.Peers = nil
	require.NoError(t, os.MkdirAll(filepath.Join(cfg.Data, folder.Raft), 0o700))
	m := &Member{service: newService(cfg.Common), cfg: cfg}
	require.NoError(t, m.checkFirstStart())
}

// A member that no cluster has added yet has nothing to back up.
func TestAMemberThatWaitsHasNoBackup(t *testing.T) {
	cfg := configs(t, 1)[0]
	cfg.Raft, cfg.Peers, cfg.Join, cfg.Contract = cfg.Peers[0].Addr, nil, true, nil
	m := start(t, cfg)
	var out bytes.Buffer
	require.ErrorIs(t, m.backup(t.Context(), &out), outcome.NoLeader)
	require.Zero(t, out.Len())
}
