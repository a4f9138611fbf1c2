package chainsync

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// handover is from the three members from one on to the three from another one on,
// after the blocks that there are, signed with the keys of those numbers.
func (m members) handover(number, from, to int, blocks [][]byte, recovery *proof.Recovery, keys ...int) []byte {
	m.t.Helper()
	c := named("aka", blocks)
	h := proof.Handover{Number: number, Before: m.policyOf(from).Hash(), Policy: m.policyOf(to).Core(), Recovery: recovery,
		Ends: []proof.End{{Token: c.Token, ID: c.ID, Size: uint64(len(blocks))}}}
	var lines []string
	for _, k := range keys {
		line, err := proof.Cosign(h.Body(), m.keys[k], 1_800_000_000)
		require.NoError(m.t, err)
		lines = append(lines, line)
	}
	note, err := proof.AssembleNote(h.Body(), lines...)
	require.NoError(m.t, err)
	return note
}

// history is from the three members from one on, through those handovers.
func (m members) history(from int, notes ...[]byte) *proof.History {
	h := proof.NewHistory(m.policyOf(from))
	for _, note := range notes {
		said, err := proof.ReadHandover(note)
		require.NoError(m.t, err)
		h, err = h.Extend(note, []chain.Hash{said.Hash()})
		require.NoError(m.t, err)
	}
	return h
}

// showPolicies makes u show a text instead of policies.
func showPolicies(policies string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/policies" {
			return false
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, policies)
		return true
	}
}

// change makes u show other members from now on.
func (u *upstream) change(h *proof.History) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.later = h
	return u
}

func (n *node) awaitPolicy(number int) {
	n.t.Helper()
	n.until(fmt.Sprint("policy ", number), func() error {
		if got := n.Status()[0].PolicyNumber; got != number {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})
}

// The members change, twice while the follower is away, and it follows; whoever has
// left signs nothing that counts.
func TestAFollowerGoesOnOverAChangeOfMembers(t *testing.T) {
	for _, given := range []bool{true, false} {
		t.Run(fmt.Sprint("the policy is given: ", given), func(t *testing.T) {
			c, m := newCluster(t), newMembers(t)
			c.create("aka", 10)
			blocks := c.blocks("aka")
			up := serve(t, c, "aka").believe(m.policy(named("aka", blocks))).show("aka", m.sign(blocks, 0, 1))
			up.page = 1
			dir := t.TempDir()
			cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
			if given {
				cfg.Policies = []*proof.History{m.history(0)}
			}
			n := startNodeWith(t, dir, cfg, nil)
			n.awaitNote("aka", m.sign(blocks, 0, 1))

			// n1 leaves, n4 comes; then n2 leaves, and n1 is back.
			first := m.handover(2, 0, 1, blocks, nil, 0, 1)
			up.change(m.history(0, first))
			n.awaitPolicy(2)
			n.end()
			require.NoError(t, n.store.Close())
			c.grow("aka", 1)
			between := c.blocks("aka")
			second := m.handover(3, 1, 2, between, nil, 1, 3)
			up.put("aka", between)
			up.change(m.history(0, first, second)).show("aka", m.sign(between, 0, 1))
			n = startNodeWith(t, dir, cfg, nil)
			n.awaitPolicy(3)
			n.awaitRefusal("aka", CheckpointRefused) // n1 was no member then, n2 alone is too few
			up.show("aka", m.sign(between, 2, 3))
			n.awaitNote("aka", m.sign(between, 2, 3))
			n.until("ready", n.Ready)
			require.Empty(t, n.evidenceFiles())

			// Whoever verifies gets all of it from the follower.
			served := proof.NewHistory(m.policyOf(0))
			for from := 0; ; from = served.Number() {
				text, err := n.Policies("aka", from)
				require.NoError(t, err)
				_, notes, err := proof.SplitHistory(text)
				require.NoError(t, err)
				if len(notes) == 0 {
					break
				}
				for _, note := range notes {
					served, err = served.Add(note)
					require.NoError(t, err)
				}
			}
			require.Equal(t, m.history(0, first, second).String(), served.String())
			_, err := n.Policies("aka", 4)
			require.ErrorIs(t, err, chain.NotFound)
		})
	}
}

// A follower that comes late is told who the members were, from the first.
func TestTheFirstUseTakesTheWholeHistory(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	note := m.sign(blocks, 0, 1) // of before the change
	up := serve(t, c, "aka").believe(m.policyOf(1, named("aka", blocks))).show("aka", note).
		change(m.history(0, m.handover(2, 0, 1, blocks, nil, 0, 1)))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", note)
	n.awaitPolicy(2)
	n.end()
	require.NoError(t, n.store.Close())
	n = startNodeWith(t, dir, cfg, nil)
	n.awaitPolicy(2)
	n.awaitNote("aka", note)
}

// What the members before have not signed changes nothing.
func TestAHandoverOfAMinorityIsRefused(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	strange := m.sign(blocks, 2, 3)
	up := serve(t, c, "aka").show("aka", strange)
	up.all = showPolicies(m.policyOf(0).String() + "\n" + string(m.handover(2, 0, 1, blocks, nil, 0, 3)))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.has("aka", blocks)
	n.until("a refusal", func() error {
		if u := n.Status()[0].Upstreams[0]; u.Refused.Reason != CheckpointRefused {
			return fmt.Errorf("%+v", u)
		}
		return nil
	})
	require.Zero(t, n.Status()[0].PolicyNumber)
	_, err := n.Checkpoint("aka")
	require.ErrorIs(t, err, chain.NotFound)
	good := m.sign(blocks, 0, 1)
	up.show("aka", good)
	n.awaitNote("aka", good)
}

// A cluster that went on without its majority is followed when somebody says so.
func TestARecoveryStopsAFollowerUntilItIsAccepted(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	up := serve(t, c, "aka").show("aka", m.sign(blocks, 0, 1))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", m.sign(blocks, 0, 1))

	who := &proof.Recovery{By: "ada", Reason: "fire", Before: []string{"n1", "n2", "n3"}, After: []string{"n2", "n3", "n4"}}
	note := m.handover(2, 0, 1, blocks, who, 1, 3)
	said, err := proof.ReadHandover(note)
	require.NoError(t, err)
	up.change(m.history(0, note))
	stopped := func() error {
		r := n.Status()[0].Recovery
		if r == nil {
			return fmt.Errorf("it goes on")
		}
		require.Equal(t, &Recovery{Recovery: *who, Policy: 2, Size: 10, Handover: said.Hash()}, r)
		return nil
	}
	n.until("it stops", stopped)
	c.grow("aka", 1)
	longer := c.blocks("aka")
	up.put("aka", longer)
	up.show("aka", m.sign(longer, 1, 3))
	before := up.count("/v1/contracts/aka/checkpoint")
	n.until("it has asked again", func() error {
		if now := up.count("/v1/contracts/aka/checkpoint"); now < before+3 {
			return fmt.Errorf("%d since", now-before)
		}
		return nil
	})
	n.has("aka", blocks) // what was there is served
	n.awaitNote("aka", m.sign(blocks, 0, 1))
	require.ErrorIs(t, n.Ready(), proof.ErrRecovery)
	require.ErrorContains(t, n.Ready(), said.Hash().String())
	n.end()
	require.NoError(t, n.store.Close())

	for _, accepted := range [][]chain.Hash{{{1}}, {said.Hash()}, nil} { // what was accepted once stays
		cfg.AcceptRecovery = accepted
		n = startNodeWith(t, dir, cfg, nil)
		if len(accepted) > 0 && accepted[0] != said.Hash() {
			require.NoError(t, stopped(), "it knows without being told again")
		} else {
			n.has("aka", longer)
			n.awaitNote("aka", m.sign(longer, 1, 3))
			n.until("ready", n.Ready)
			require.Nil(t, n.Status()[0].Recovery)
		}
		n.end()
		require.NoError(t, n.store.Close())
	}
}

// The new policy will do as well as the hash.
func TestTheNewPolicyGoesOnAfterARecovery(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	who := &proof.Recovery{By: "ada", Reason: "fire", Before: []string{"n1"}, After: []string{"n2"}}
	up := serve(t, c, "aka").change(m.history(0, m.handover(2, 0, 1, blocks, who, 1, 3)))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.until("it stops", func() error {
		if n.Status()[0].Recovery == nil {
			return fmt.Errorf("it goes on")
		}
		return nil
	})
	n.end()
	require.NoError(t, n.store.Close())
	c.grow("aka", 1)
	longer := c.blocks("aka")
	up.put("aka", longer)
	up.show("aka", m.sign(longer, 1, 3))
	cfg.Policies = given(m.policyOf(1))
	n = startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", m.sign(longer, 1, 3))
	n.until("ready", n.Ready)
}

func TestADamagedHistoryIsNotBelieved(t *testing.T) {
	m := newMembers(t)
	cfg := testConfig(t.TempDir(), Source{Token: "aka", Upstreams: []string{"http://a"}})
	cfg.Policies = given(m.policy())
	require.NoError(t, os.MkdirAll(cfg.PolicyDir, 0o700))
	require.NoError(t, os.WriteFile(cfg.PolicyDir+"/aka.history", []byte(m.policyOf(0).String()+"\nbpsc/handover/v1\nmore\n"), 0o600))
	_, err := New(cfg, &memory{})
	require.ErrorIs(t, err, proof.ErrNote)
}
