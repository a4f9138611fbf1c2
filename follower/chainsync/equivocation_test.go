package chainsync

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// split is two histories that are one for the first common blocks.
func split(t *testing.T, length, common int) (c *cluster, fork [][]byte) {
	t.Helper()
	c = newCluster(t)
	c.create("aka", length)
	other := newCluster(t)
	other.create("aka", common)
	for range length - common {
		other.grow("aka", 1)
	}
	fork = other.blocks("aka")
	require.Equal(t, c.blocks("aka")[common-1], fork[common-1])
	require.NotEqual(t, c.blocks("aka")[common], fork[common])
	return c, fork
}

// found waits for evidence of an upstream's checkpoint, and reads it; proven
// is nil where nobody is convicted.
func (n *node) found(convicts bool) (kept Evidence, proven *proof.Equivocation) {
	n.t.Helper()
	want := 1
	if convicts {
		want = 2
	}
	n.until("evidence", func() error {
		if files := n.Status()[0].Evidence; len(files) < want { // a file is there once it is whole
			return fmt.Errorf("there is %v", files)
		}
		return nil
	})
	require.ErrorIs(n.t, n.Ready(), ErrEvidence)
	files := n.Status()[0].Evidence
	require.Len(n.t, files, want)
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(n.cfg.Evidence, name))
		require.NoError(n.t, err)
		if strings.HasSuffix(name, proof.EvidenceSuffix) {
			proven, err = proof.ParseEvidence(data)
			require.NoError(n.t, err)
			continue
		}
		require.NoError(n.t, json.Unmarshal(data, &kept))
		require.Regexp(n.t, fmt.Sprintf("^aka-%d-[0-9a-f]{16}[.]json$", kept.Index), name)
	}
	require.Equal(n.t, CheckpointContradicts, kept.Reason)
	require.Equal(n.t, chain.HashBytes([]byte(kept.Served)).String(), kept.SHA256)
	require.Equal(n.t, convicts, proven != nil)
	return kept, proven
}

// Whoever signed a checkpoint that this node verified, and one of another
// history, is convicted by a file that anybody can verify.
func TestWhoSignsTwoHistoriesIsConvicted(t *testing.T) {
	const length, common, accepted = 300, 4, 280
	c, fork := split(t, length, common)
	blocks, m := c.blocks("aka"), newMembers(t)
	policy := m.policy(named("aka", blocks))
	for _, tc := range []struct {
		name string
		size int // of the other history's checkpoint
	}{
		{"of one size", accepted},
		{"of a larger log", length},
		{"of a smaller log", common + 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := m.sign(blocks[:accepted], 0, 1), m.sign(fork[:tc.size], 1, 2)
			good, bad := serve(t, c, "aka").show("aka", a), serve(t, c, "aka")
			bad.log = fork
			dir := t.TempDir()
			cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{good.URL, bad.URL}})
			cfg.Policies = given(policy)
			n := startNodeWith(t, dir, cfg, nil)
			n.awaitNote("aka", a)
			n.has("aka", blocks)
			bad.show("aka", b)
			kept, proven := n.found(true)
			require.Equal(t, string(b), kept.Served)
			require.Equal(t, string(a), kept.OurCheckpoint)
			require.Equal(t, m.checkpoint("aka", blocks[:tc.size]).Root.String(), kept.OurRoot)
			require.Equal(t, bad.URL, kept.Upstream)
			convicted, err := proven.Verify(policy)
			require.NoError(t, err)
			require.Equal(t, []string{"n2"}, convicted.Signed)

			// A line more or less is no new evidence.
			bad.show("aka", m.sign(fork[:tc.size], 1, 2, 3))
			n.awaitAsked(bad)
			require.Len(t, n.evidenceFiles(), 2)
			require.Equal(t, blocks, blocksOf(t, n.store, "aka"))
			shown, err := n.Checkpoint("aka")
			require.NoError(t, err)
			require.Equal(t, a, shown)
			require.Positive(t, n.Status()[0].Refusals[CheckpointContradicts])
		})
	}
}

// Where the histories part after all that was signed of ours, nobody has
// signed two; where none of ours was signed, neither.
func TestAContradictionThatConvictsNobodyIsKept(t *testing.T) {
	const length, common = 20, 10
	c, fork := split(t, length, common)
	blocks, m := c.blocks("aka"), newMembers(t)
	b := m.sign(fork, 0, 1)
	for name, a := range map[string][]byte{"the fork is later": m.sign(blocks[:common], 0, 1), "nothing was signed": nil} {
		t.Run(name, func(t *testing.T) {
			good, bad := serve(t, c, "aka").show("aka", a), serve(t, c, "aka")
			bad.log = fork
			dir := t.TempDir()
			cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{good.URL, bad.URL}})
			cfg.Policies = given(m.policy())
			n := startNodeWith(t, dir, cfg, nil)
			n.has("aka", blocks)
			if a != nil {
				n.awaitNote("aka", a)
			}
			bad.show("aka", b)
			kept, _ := n.found(false)
			require.Equal(t, string(b), kept.Served)
			require.Equal(t, string(a), kept.OurCheckpoint)
			n.awaitAsked(bad)
			require.Len(t, n.evidenceFiles(), 1)
			require.Equal(t, blocks, blocksOf(t, n.store, "aka"))
		})
	}
}

// Of a log that is not to be had nothing is proven, until it is.
func TestTilesThatDoNotLeadToTheRootProveNothing(t *testing.T) {
	const length, common, accepted = 20, 4, 10
	c, fork := split(t, length, common)
	blocks, m := c.blocks("aka"), newMembers(t)
	good, bad := serve(t, c, "aka").show("aka", m.sign(blocks[:accepted], 0, 1)), serve(t, c, "aka") // its tiles are ours
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{good.URL, bad.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", m.sign(blocks[:accepted], 0, 1))
	n.has("aka", blocks)
	bad.show("aka", m.sign(fork, 1, 2))
	n.found(false)
	n.awaitAsked(bad)
	require.Len(t, n.evidenceFiles(), 1)
	bad.mu.Lock()
	bad.log = fork
	bad.mu.Unlock()
	n.found(true)
}

// An upstream whose blocks are another history is asked for its checkpoint too.
func TestASecondHistoryIsConvictedByItsCheckpoint(t *testing.T) {
	const length, common = 20, 10
	c, fork := split(t, length, common)
	blocks, m := c.blocks("aka"), newMembers(t)
	a := m.sign(blocks, 0, 1, 2)
	good := serve(t, c, "aka").show("aka", a)
	bad := newUpstream(t)
	bad.put("aka", fork)
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{good.URL, bad.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", a)
	n.awaitRefusal("aka", SecondHistory)
	bad.show("aka", m.sign(fork, 0, 1, 2))
	var found string
	n.until("a conviction", func() error {
		for _, name := range n.evidenceFiles() {
			if strings.HasSuffix(name, proof.EvidenceSuffix) {
				found = name
				return nil
			}
		}
		return fmt.Errorf("there is %v", n.evidenceFiles())
	})
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, found))
	require.NoError(t, err)
	e, err := proof.ParseEvidence(data)
	require.NoError(t, err)
	convicted, err := e.Verify(m.policy())
	require.NoError(t, err)
	require.Equal(t, []string{"n1", "n2", "n3"}, convicted.Signed)
	n.has("aka", blocks)
}

func TestStrictEndsWithACheckpointThatContradicts(t *testing.T) {
	c, fork := split(t, 12, 4)
	m := newMembers(t)
	up := serve(t, c, "aka").show("aka", m.sign(fork, 0, 1))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Policies, cfg.Strict = given(m.policy()), true
	n := startNodeWith(t, dir, cfg, nil)
	err := <-n.ended
	n.ended <- err
	require.ErrorIs(t, err, ErrEvidence)
	n.found(false)
}

// What this node has verified outlives its copy of the chain: one that is made
// anew, from somebody with another history, is held against it.
func TestACopyMadeAnewIsHeldAgainstWhatWasVerified(t *testing.T) {
	const length, common, accepted = 20, 4, 12
	c, fork := split(t, length, common)
	blocks, m := c.blocks("aka"), newMembers(t)
	a := m.sign(blocks[:accepted], 0, 1)
	up := serve(t, c, "aka").show("aka", a)
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", a)
	n.end()
	require.NoError(t, n.store.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "state")))

	up.put("aka", fork[:accepted-1])
	up.show("aka", nil)
	n = startNodeWith(t, dir, cfg, nil)
	n.awaitLength("aka", accepted-1)
	_, err := n.Checkpoint("aka")
	require.ErrorIs(t, err, chain.NotFound)
	require.Empty(t, n.evidenceFiles())

	up.put("aka", fork)
	kept, _ := n.found(false)
	require.Equal(t, string(a), kept.Served)
	require.EqualValues(t, accepted, kept.Index)
	b := m.sign(fork, 1, 2)
	up.show("aka", b)
	n.awaitNote("aka", b)
	_, proven := n.found(true)
	convicted, err := proven.Verify(m.policy())
	require.NoError(t, err)
	require.Equal(t, []string{"n2"}, convicted.Signed)
}

// The same copy made anew of the same history shows the checkpoint again.
func TestACopyMadeAnewShowsItsCheckpointOnceItHasTheBlocks(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	a := m.sign(c.blocks("aka"), 0, 1)
	up := serve(t, c, "aka").show("aka", a)
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", a)
	n.end()
	require.NoError(t, n.store.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "state")))
	up.show("aka", nil)
	n = startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", a)
	n.until("ready", n.Ready)
}
