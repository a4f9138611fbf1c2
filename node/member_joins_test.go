package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/harness"
)

// checkpointed waits until a member can show a checkpoint of the next block, and returns it.
func checkpointed(t *testing.T, m *Member) []byte {
	t.Helper()
	made, err := m.requests.Produce(t.Context(), "gold")
	require.NoError(t, err)
	e := Evidence{policies: m.policies()}
	require.NoError(t, harness.Until(t.Context(), limit, "a checkpoint", func(context.Context) error {
		note, err := e.Checkpoint("gold")
		if err != nil {
			return err
		}
		c, err := proof.ReadCheckpoint(note)
		if err == nil && c.Size < made.Block {
			err = fmt.Errorf("it is of %d blocks", c.Size)
		}
		return err
	}))
	note, err := e.Checkpoint("gold")
	require.NoError(t, err)
	return note
}

// handedOver waits until a number of policies has been handed over, by what a member serves.
func handedOver(t *testing.T, m *Member, number int) (h *proof.History) {
	t.Helper()
	require.NoError(t, harness.Until(t.Context(), limit, fmt.Sprint("policy ", number), func(context.Context) error {
		text, err := Evidence{policies: m.policies()}.Policies("", 0)
		if err == nil {
			h, err = proof.ParseHistory(text)
		}
		if err == nil && len(h.Stages()) < number {
			err = errors.New("not yet")
		}
		return err
	}))
	return h
}

// Members sign by themselves that others come and go; who knows the first policy verifies
// what any of them has signed.
func TestPoliciesFollowTheMembersOfACluster(t *testing.T) {
	all := configs(t, 3)
	var members []*Member
	for _, cfg := range all {
		cfg.PromoteAfter = 50 * time.Millisecond
		members = append(members, start(t, cfg))
	}
	for _, m := range members {
		ready(t, m.WaitReady)
	}
	before := checkpointed(t, members[0])

	cfg := DefaultMemberConfig()
	cfg.ID, cfg.Join, cfg.Contract, cfg.Raft = "n4", true, all[0].Contract, freeAddress(t)
	cfg.Data, cfg.Listen, cfg.Files, cfg.Logger = filepath.Join(t.TempDir(), "n4"), freeAddress(t), 1024, slog.New(slog.DiscardHandler)
	cfg.PromoteAfter = 50 * time.Millisecond
	joined := make(chan *Member, 1)
	go func() {
		m, err := StartMember(t.Context(), cfg)
		if err != nil {
			t.Error(err)
		}
		joined <- m
	}()
	require.NoError(t, harness.Until(t.Context(), limit, "n4 is taken in", func(context.Context) error {
		_, err := members[0].cluster.Change(t.Context(), cluster.Change{Kind: membership.Add, ID: "n4", Addr: cfg.Raft})
		return err
	}))
	fresh := <-joined
	require.NotNil(t, fresh)
	t.Cleanup(func() { _ = fresh.Stop(t.Context()) })
	handedOver(t, fresh, 2)
	with := checkpointed(t, fresh)

	_, err := members[1].cluster.Change(t.Context(), cluster.Change{Kind: membership.Remove, ID: "n1"})
	require.NoError(t, err)
	history := handedOver(t, fresh, 3)
	after := checkpointed(t, fresh)
	for _, note := range [][]byte{before, with, after} {
		_, err := history.Verify(note, "")
		require.NoError(t, err)
	}
	names := func(p *proof.Policy) (list []string) {
		for _, m := range p.Members() {
			list = append(list, m.Name)
		}
		return list
	}
	require.Equal(t, []string{"n2", "n3", "n4"}, names(history.Newest()))
	require.NotContains(t, string(after), " bpsc/n1 ", "it signs nothing any more")
	require.Error(t, members[0].Wait(), "n1 was removed")
}
