package chainsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
)

// awaitNote waits until the node shows a checkpoint.
func (n *node) awaitNote(token string, note []byte) {
	n.t.Helper()
	n.until("the checkpoint", func() error {
		got, err := n.Checkpoint(token)
		if err == nil && !bytes.Equal(got, note) {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
}

// awaitAsked waits until an upstream has been asked for its checkpoint, and has
// been answered, since now.
func (n *node) awaitAsked(u *upstream) {
	n.t.Helper()
	const path = "/v1/contracts/aka/checkpoint"
	before := u.count(path)
	n.until("a question", func() error {
		if got := u.count(path); got < before+3 { // one may be under way, one is then judged
			return fmt.Errorf("%d since", got-before)
		}
		return nil
	})
}

func TestACheckpointOfTheMajorityIsShown(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	up := serve(t, c, "aka").believe(m.policy(named("aka", c.blocks("aka"))))
	n := startNode(t, Source{Token: "aka", Upstreams: []string{up.URL}})
	n.has("aka", c.blocks("aka"))
	_, err := n.Checkpoint("aka")
	require.ErrorIs(t, err, chain.NotFound)
	for range 4 {
		note := m.sign(c.blocks("aka"), 0, 2)
		up.show("aka", note)
		n.awaitNote("aka", note)
		require.NoError(t, n.WaitCheckpoint(t.Context(), "aka", uint64(n.length("aka"))))
		stored, err := os.ReadFile(filepath.Join(n.cfg.Checkpoints, "aka.checkpoint"))
		require.NoError(t, err)
		require.Equal(t, note, stored)
		c.grow("aka", 1)
		up.put("aka", c.blocks("aka"))
		n.has("aka", c.blocks("aka"))
	}
	status := n.Status()[0]
	require.EqualValues(t, 13, status.CheckpointSize)
	require.Equal(t, []string{"n1", "n3"}, status.Signers)
	require.Equal(t, PolicyFirstUse, status.Policy)
	require.Empty(t, status.Refusals)
	require.Empty(t, n.evidenceFiles())
	require.NoError(t, n.Ready())

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, n.WaitCheckpoint(ended, "aka", 14), context.Canceled)
	_, err = n.Checkpoint("oka")
	require.ErrorIs(t, err, chain.ContractUnknown)
	_, err = n.Policy("oka")
	require.ErrorIs(t, err, chain.ContractUnknown)
	require.ErrorIs(t, n.WaitCheckpoint(t.Context(), "oka", 1), chain.ContractUnknown)
}

// What is refused says nothing about the blocks, and convicts nobody.
func TestCheckpointsAreRefused(t *testing.T) {
	c, other, m := newCluster(t), newCluster(t), newMembers(t)
	c.create("aka", 10)
	other.now++
	other.create("aka", 10)
	blocks := c.blocks("aka")
	good := m.sign(blocks, 0, 1)
	for _, tc := range []struct {
		name string
		note []byte
		code chain.Code
	}{
		{"by a minority", m.sign(blocks, 1), proof.ErrMinority},
		{"by one member twice", m.sign(blocks, 1, 1), proof.ErrMinority},
		{"by a member and a stranger", m.sign(blocks, 1, 3), proof.ErrMinority},
		{"another size", bytes.Replace(good, []byte("\n10\n"), []byte("\n11\n"), 1), proof.ErrSignature},
		{"another chain", m.sign(other.blocks("aka"), 0, 1), proof.ErrOrigin},
		{"no note", []byte("hello\n"), proof.ErrNote},
		{"nothing", []byte{}, proof.ErrEmpty},
		{"too large", bytes.Repeat([]byte("x"), proof.MaxNoteBytes+2), proof.ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := serve(t, c, "aka").show("aka", tc.note)
			honest := serve(t, c, "aka").show("aka", good)
			dir := t.TempDir()
			cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{bad.URL, honest.URL}})
			cfg.Policies = given(m.policy())
			n := startNodeWith(t, dir, cfg, nil)
			n.awaitNote("aka", good)
			n.awaitRefusal("aka", CheckpointRefused)
			n.has("aka", blocks)
			n.until("ready", n.Ready)
			status := n.Status()[0]
			require.Equal(t, PolicyGiven, status.Policy)
			require.Zero(t, status.Upstreams[0].Aside, "its blocks are good")
			require.Contains(t, status.Upstreams[0].Refused.Detail, string(tc.code))
			require.Len(t, status.Refusals, 1)
			require.Empty(t, n.evidenceFiles())
		})
	}
}

// An upstream that has no checkpoint, or cannot give one, is nothing special.
func TestNoCheckpointIsNoRefusal(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	for name, all := range map[string]func(w http.ResponseWriter){
		"none":     func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"an error": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"a page":   func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>Welcome to the hotel!</html>")) },
		"elsewhere": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(http.StatusFound)
		},
		"a broken connection": func(http.ResponseWriter) { panic(abort) },
	} {
		t.Run(name, func(t *testing.T) {
			up := serve(t, c, "aka")
			up.all = func(w http.ResponseWriter, r *http.Request) bool {
				asks := strings.HasSuffix(r.URL.Path, "/checkpoint")
				if asks {
					all(w)
				}
				return asks
			}
			dir := t.TempDir()
			cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
			cfg.Policies = given(m.policy())
			n := startNodeWith(t, dir, cfg, nil)
			n.has("aka", c.blocks("aka"))
			n.awaitAsked(up)
			n.until("ready", n.Ready)
			require.Empty(t, n.Status()[0].Refusals)
			_, err := n.Checkpoint("aka")
			require.ErrorIs(t, err, chain.NotFound)
		})
	}
}

func TestAnOlderCheckpointIsNotTaken(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	newer := m.sign(blocks, 0, 1)
	up := serve(t, c, "aka").show("aka", newer).believe(m.policy(named("aka", blocks)))
	n := startNode(t, Source{Token: "aka", Upstreams: []string{up.URL}})
	n.awaitNote("aka", newer)
	for _, note := range [][]byte{m.sign(blocks[:6], 0, 1, 2), m.sign(blocks, 1, 2)} {
		up.show("aka", note)
		n.awaitAsked(up)
		got, err := n.Checkpoint("aka")
		require.NoError(t, err)
		require.Equal(t, newer, got)
	}
	require.Empty(t, n.Status()[0].Refusals)
	require.NoError(t, n.Ready())
}

// A checkpoint of more blocks than there are here waits for them.
func TestACheckpointWaitsForItsBlocks(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	up := newUpstream(t)
	up.put("aka", blocks[:5])
	up.believe(m.policy(named("aka", blocks)))
	note := m.sign(blocks, 0, 1)
	up.show("aka", note)
	n := startNode(t, Source{Token: "aka", Upstreams: []string{up.URL}})
	n.awaitLength("aka", 5)
	n.awaitAsked(up)
	_, err := n.Checkpoint("aka")
	require.ErrorIs(t, err, chain.NotFound)
	up.show("aka", nil) // it is remembered
	up.put("aka", blocks)
	n.awaitNote("aka", note)
	require.Empty(t, n.Status()[0].Refusals)
}

// Policy and checkpoint are there after a restart, when nobody answers.
func TestPolicyAndCheckpointSurviveARestart(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	policy, note := m.policy(named("aka", blocks)), m.sign(blocks, 0, 1)
	up := serve(t, c, "aka").show("aka", note).believe(policy)
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitNote("aka", note)
	n.end()
	require.NoError(t, n.store.Abandon())
	up.CloseClientConnections()
	up.Close()

	n = startNodeWith(t, dir, cfg, nil)
	got, err := n.Checkpoint("aka")
	require.NoError(t, err)
	require.Equal(t, note, got)
	text, err := n.Policy("aka")
	require.NoError(t, err)
	require.Equal(t, policy.String(), string(text))
	require.Equal(t, PolicyFirstUse, n.Status()[0].Policy)
}

// A checkpoint in the folder is believed as far as its signatures go.
func TestACheckpointThatIsNoLongerSignedIsDropped(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	blocks := c.blocks("aka")
	for name, note := range map[string][]byte{"by a minority": m.sign(blocks, 0), "damaged": []byte("x")} {
		t.Run(name, func(t *testing.T) {
			up := serve(t, c, "aka")
			dir := t.TempDir()
			cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
			cfg.Policies = given(m.policy())
			require.NoError(t, os.MkdirAll(cfg.Checkpoints, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(cfg.Checkpoints, "aka.checkpoint"), note, 0o600))
			n := startNodeWith(t, dir, cfg, nil)
			n.has("aka", blocks)
			_, err := n.Checkpoint("aka")
			require.ErrorIs(t, err, chain.NotFound)
			good := m.sign(blocks, 0, 1)
			up.show("aka", good)
			n.awaitNote("aka", good)
		})
	}
}

// What a follower has verified is worth as much to the next one, receipts too.
func TestCheckpointsComeThroughAFollower(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 10)
	c.create("oka", 3)
	aka, oka := c.blocks("aka"), c.blocks("oka")
	note, second := m.sign(aka, 0, 1), m.note(m.checkpoint("oka", oka), 1, 2)
	up := serve(t, c, "aka", "oka").show("aka", note).show("oka", second).
		believe(m.policy(named("aka", aka), named("oka", oka)))
	near := startNode(t, Source{Upstreams: []string{up.URL}})
	server := serveNode(t, near)
	far := startNode(t, Source{Upstreams: []string{server.URL}})
	far.awaitNote("aka", note)
	far.awaitNote("oka", second)
	far.until("ready", far.Ready)

	policy, err := far.Policy("aka")
	require.NoError(t, err)
	p, err := proof.ParsePolicy(policy)
	require.NoError(t, err)
	web, err := client.New(serveNode(t, far).URL)
	require.NoError(t, err)
	id := chain.DeriveID([]byte("key-3")).String()
	text, err := web.Receipt(t.Context(), "aka", id, 0)
	require.NoError(t, err)
	receipt, err := proof.ParseReceipt(text)
	require.NoError(t, err)
	verified, err := receipt.Verify(p)
	require.NoError(t, err)
	require.Equal(t, id, verified.Record.ID)
	require.True(t, verified.Pinned)
}

func TestAnErrorOfTheCheckpointsFolderEndsRun(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 3)
	up := serve(t, c, "aka").believe(m.policy(named("aka", c.blocks("aka"))))
	up.show("aka", m.sign(c.blocks("aka"), 0, 1))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	require.NoError(t, os.MkdirAll(filepath.Join(cfg.Checkpoints, "aka.checkpoint.tmp"), 0o700))
	n := startNodeWith(t, dir, cfg, nil)
	err := <-n.ended
	n.ended <- err
	var path *os.PathError
	require.True(t, errors.As(err, &path), "%v", err)
}
