package node

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// rescue makes a member that is stopped all that there is of its cluster.
func rescue(t *testing.T, cfg MemberConfig) {
	t.Helper()
	s, err := store.Open(store.Config{Dir: filepath.Join(cfg.Data, folder.State)})
	require.NoError(t, err)
	_, err = cluster.Recover(cluster.Rescue{
		Dir: filepath.Join(cfg.Data, folder.Raft), ID: cfg.ID, Members: []roster.Peer{{ID: cfg.ID, Addr: cfg.address()}},
		By: "ops", Reason: "fire", Time: 1_800_000_000,
	}, fsm.New(s))
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// Two of three members are lost. The one that is left goes on, and every chain says since
// when and by whom.
func TestAClusterGoesOnWithoutItsMajority(t *testing.T) {
	all := configs(t, 3)
	var members []*Member
	for _, cfg := range all {
		members = append(members, start(t, cfg))
	}
	for _, m := range members {
		ready(t, m.WaitReady)
	}
	before := checkpointed(t, members[0])
	for _, m := range members {
		require.NoError(t, m.Stop(t.Context()))
	}
	for _, cfg := range all[1:] {
		require.NoError(t, os.RemoveAll(cfg.Data))
	}
	rescue(t, all[0])
	left := start(t, all[0])
	// Clients come before it has said so: what they write is behind it, and so can be
	// signed by those who are left.
	early := unless(left.writesNothing, left.requests)
	require.NoError(t, harness.Until(t.Context(), limit, "a block", func(ctx context.Context) error {
		_, err := early.Produce(ctx, "gold")
		return err
	}))
	require.NoError(t, left.unsaid())
	ready(t, left.WaitReady)
	after := checkpointed(t, left)

	require.True(t, left.store.Removed("n2"))
	require.True(t, left.store.Removed("n3"))
	var marks []chain.Record
	info, err := left.store.Contract("gold")
	require.NoError(t, err)
	require.NoError(t, left.store.Blocks("gold", 1, 0, func(_ uint64, canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, info.Contract.Decimals)
		for _, r := range b.Records {
			if r.Kind == chain.Recovery {
				marks = append(marks, r)
			}
		}
		return err
	}))
	require.Len(t, marks, 1)
	require.Equal(t, []string{"ops", "fire", "n1,n2,n3", "n1"},
		[]string{marks[0].Sender, string(marks[0].Reason), marks[0].MembersBefore, marks[0].MembersAfter})

	var history *proof.History
	require.NoError(t, harness.Until(t.Context(), limit, "the handover", func(context.Context) error {
		if err := left.store.Endorsed(); err != nil {
			return err
		}
		text, err := Evidence{policies: left.policies()}.Policies("", 0)
		if err == nil {
			history, err = proof.ParseHistory(text)
		}
		return err
	}))
	recovered, stopped := history.Stopped()
	require.True(t, stopped, "nobody goes on by himself")
	_, err = history.Verify(before, "")
	require.NoError(t, err)
	_, err = history.Verify(after, "")
	require.ErrorIs(t, err, proof.ErrRecovery)
	text, err := Evidence{policies: left.policies()}.Policies("", 0)
	require.NoError(t, err)
	history, err = proof.ParseHistory(text, recovered.Hash())
	require.NoError(t, err)
	_, err = history.Verify(after, "")
	require.NoError(t, err)
}
