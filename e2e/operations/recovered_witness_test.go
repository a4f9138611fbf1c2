package operations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// forEach is a contract with a block for each transfer.
const forEach = `{"token":"aka","wallets":"open","on_request":true,"schedule":{"transactions":1}}`

// witnessed starts a cluster whose policy wants a witness, and that witness. list is the
// file of witnesses that members are given.
func witnessed(t *testing.T) (c *harness.Cluster, w *harness.Witness, list string) {
	t.Helper()
	w, err := harness.NewWitness(t.Context(), binary, t.TempDir(), "w1")
	must(t, err)
	t.Cleanup(func() {
		_ = w.Kill()
		if t.Failed() {
			t.Logf("witness:\n%s", w.LogTail(20))
		}
	})
	list = filepath.Join(t.TempDir(), "witnesses")
	must(t, os.WriteFile(list, []byte(w.Line), 0o600))
	c = startCluster(t, harness.Options{Contract: forEach, Args: []string{"--witnesses", list, "--witness-quorum", "1"}})
	until(t, 20*time.Second, "all keys are known", func(context.Context) error {
		s := command(t, nil, "cluster", "keys", "--server", c.Members[0].URL)
		if s.code != 0 || !strings.Contains(s.out, "log ") {
			return errors.New(s.out + s.err)
		}
		return os.WriteFile(w.Policy, []byte(s.out), 0o600)
	})
	must(t, w.Start(), w.AwaitLive(t.Context(), 20*time.Second))
	return c, w, list
}

// awaitWitnessed waits until the witness has cosigned so many blocks of a member's chain.
func awaitWitnessed(t *testing.T, m *harness.Member, blocks uint64, policy string, more ...string) {
	t.Helper()
	args := append([]string{"chain", "verify", "--server", m.URL, "--policy", policy}, more...)
	until(t, 20*time.Second, "the witness has cosigned", func(context.Context) error {
		s := command(t, nil, args...)
		if s.code != 0 || !strings.Contains(s.out, fmt.Sprintf("the checkpoint of %d blocks", blocks)) || !strings.Contains(s.out, "witnessed by w1") {
			return errors.New(s.out + s.err)
		}
		return nil
	})
}

// history keeps the cluster's policies once the recovery by somebody is among them.
func (v verifiers) history(by string) (file string) {
	v.t.Helper()
	until(v.t, 30*time.Second, "the recovery is among the policies", func(context.Context) error {
		file = v.keep("all", "cluster", "keys", "--history")
		text, err := os.ReadFile(file)
		if err == nil && !strings.Contains(string(text), fmt.Sprintf("# RECOVERY by %q", by)) {
			err = errors.New("it is not")
		}
		return err
	})
	return file
}

// recoveryIn is the hash by which the recovery in a file of policies is accepted.
func recoveryIn(t *testing.T, policies string) string {
	t.Helper()
	text, err := os.ReadFile(policies)
	must(t, err)
	_, rest, there := strings.Cut(string(text), "to accept it: --accept-recovery ")
	if !there {
		t.Fatalf("no recovery in\n%s", text)
	}
	return strings.Fields(rest)[0]
}

// A witness cosigns nothing behind a recovery before its operator says so.
func TestAWitnessStopsAtARecovery(t *testing.T) {
	long(t)
	c, w, _ := witnessed(t)
	v := verifiers{t, c, t.TempDir()}
	_, ack := v.receipt("old", c.Members[0])
	n1 := c.Members[0]
	awaitWitnessed(t, n1, ack.Block, w.Policy)

	must(t, c.KillAll())
	works(t, c, "cluster", "recover", "--data", n1.Data, "--members", "n1="+n1.Raft, "--by", "ada", "--reason", "fire")
	rest := c.Without(c.Members[2]).Without(c.Members[1])
	must(t, n1.Start(), rest.AwaitReady(t.Context(), 30*time.Second))
	ack, err := rest.SubmitText(t.Context(), n1, `{"sender":"a","recipient":"b","amount":1}`)
	must(t, err)
	v.c = rest
	all := v.history("ada")
	handover := recoveryIn(t, all)
	until(t, 30*time.Second, "the witness says that there was a recovery", func(context.Context) error {
		text, err := os.ReadFile(w.Log)
		if err == nil && !strings.Contains(string(text), handover) {
			err = errors.New("it does not")
		}
		return err
	})
	if s := command(t, nil, "chain", "verify", "--server", n1.URL, "--policy", all, "--accept-recovery", handover); strings.Contains(s.out, fmt.Sprintf("the checkpoint of %d blocks", ack.Block)) {
		t.Errorf("there is a checkpoint that the witness has not cosigned: %s", s.out)
	}

	must(t, w.Kill())
	w.Also("--accept-recovery", handover)
	must(t, w.Start(), w.AwaitLive(t.Context(), 20*time.Second))
	awaitWitnessed(t, n1, ack.Block, all, "--accept-recovery", handover)
}

// A follower of the cluster that is gone stops where it was restored from a backup, and
// goes on when its operator says so.
func TestAFollowerStopsAtARestore(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Contract: forEach})
	v := verifiers{t, c, t.TempDir()}
	_, ack := v.receipt("old", c.Members[0])
	before := v.keep("before", "cluster", "keys")
	place := t.TempDir()
	does(t, "backup", "create", "--from", c.Members[1].URL, place)
	must(t, c.KillAll())

	fresh := restored(t, harness.Options{Contract: forEach}, place)
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f", Upstreams: fresh.URLs(), Args: []string{"--policy", before}})
	must(t, err, f.Start())
	t.Cleanup(func() {
		_ = f.Kill()
		if t.Failed() {
			t.Logf("follower:\n%s", f.LogTail(20))
		}
	})
	v.c = fresh
	_, after := v.receipt("new", fresh.Members[0])
	handover := recoveryIn(t, v.history("ann"))
	until(t, 30*time.Second, "the follower says what is wrong", func(context.Context) error {
		if text := f.LogTail(20); !strings.Contains(text, "handover_minority") || !strings.Contains(text, handover) {
			return errors.New("it does not")
		}
		return nil
	})
	if s, err := followed(t.Context(), f); err != nil || s.CheckpointSize > ack.Block {
		t.Errorf("it goes on: %+v, %v", s, err)
	}
	must(t, f.Kill())
	f.Also("--accept-recovery", handover)
	must(t, f.Start(), f.AwaitReady(t.Context(), 30*time.Second))
	until(t, 30*time.Second, "the follower goes on", func(ctx context.Context) error {
		s, err := followed(ctx, f)
		if err == nil && (s.Recovery != nil || s.CheckpointSize < after.Block) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
}
