package operations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// stops is what a follower says of a recovery that it waits at.
type stops struct {
	By, Reason, Handover string
	Size                 uint64
}

// followed is the one chain of a follower.
func followed(ctx context.Context, f *harness.Follower) (c struct {
	Length, CheckpointSize uint64
	Recovery               *stops
}, err error) {
	var s struct {
		Chains []struct {
			Length         uint64
			CheckpointSize uint64 `json:"checkpoint_size"`
			Recovery       *stops
		}
	}
	if err = harness.Get(ctx, f.HTTP, f.URL+"/v1/sync", &s); err == nil && len(s.Chains) != 1 {
		err = fmt.Errorf("it follows %d chains", len(s.Chains))
	}
	if err == nil {
		c.Length, c.CheckpointSize, c.Recovery = s.Chains[0].Length, s.Chains[0].CheckpointSize, s.Chains[0].Recovery
	}
	return c, err
}

// Two of three members are lost for good, and the third goes on. A follower stops there,
// says who did it, serves what it has, and goes on when its operator says so.
func TestAFollowerStopsAtARecovery(t *testing.T) {
	long(t)
	dir := t.TempDir()
	c := startCluster(t, harness.Options{Contract: `{"token":"aka","wallets":"open","schedule":{"transactions":1}}`})
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	v := verifiers{t, c, dir}
	until(t, 30*time.Second, "all keys are known", func(context.Context) error {
		if s := bpsc(t, c, "cluster", "keys"); s.code != 0 {
			return errors.New(s.err)
		}
		return nil
	})
	before := v.keep("before", "cluster", "keys")
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: dir, ID: "f", Upstreams: c.URLs(), Args: []string{"--policy", before}})
	must(t, err, f.Start())
	t.Cleanup(func() {
		_ = f.Kill()
		if t.Failed() {
			t.Logf("follower:\n%s", f.LogTail(20))
		}
	})
	old, ack := v.receipt("old", c.Members[0])
	until(t, 30*time.Second, "the follower has the checkpoint", func(ctx context.Context) error {
		s, err := followed(ctx, f)
		if err == nil && s.CheckpointSize < ack.Block {
			err = fmt.Errorf("it has one of %d blocks", s.CheckpointSize)
		}
		return err
	})

	must(t, c.KillAll())
	n1 := c.Members[0]
	works(t, c, "cluster", "recover", "--data", n1.Data, "--members", "n1="+n1.Raft, "--by", "ada", "--reason", "fire")
	v.c = c.Without(c.Members[2]).Without(c.Members[1])
	must(t, n1.Start(), v.c.AwaitReady(t.Context(), 30*time.Second))
	fresh, _ := v.receipt("new", n1)
	var met *stops
	until(t, 30*time.Second, "the follower stops", func(ctx context.Context) error {
		s, err := followed(ctx, f)
		if met = s.Recovery; err == nil && met == nil {
			err = errors.New("it goes on")
		}
		return err
	})
	if met.By != "ada" || met.Reason != "fire" || met.Size < ack.Block {
		t.Errorf("it says %+v", met)
	}
	if s, err := followed(t.Context(), f); err != nil || s.CheckpointSize > met.Size {
		t.Errorf("it shows a checkpoint of %d blocks, and the recovery is after %d (%v)", s.CheckpointSize, met.Size, err)
	}
	if err := harness.Get(t.Context(), f.HTTP, f.URL+"/readyz", nil); err == nil || !strings.Contains(err.Error(), "ada") {
		t.Errorf("readyz: %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), binary, "receipt", "get", ack.ID, "--server", f.URL).CombinedOutput(); err != nil {
		t.Errorf("what was there is served: %v: %s", err, out)
	}

	// Receipts: of before as ever; of after when somebody has accepted it.
	all := v.keep("all", "cluster", "keys", "--history")
	v.agree(old, all, "of 3")
	verify := func(more ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), binary, append([]string{"receipt", "verify", fresh, "--policy", all}, more...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err == nil || !strings.Contains(out, "recovery_not_accepted") || !strings.Contains(out, met.Handover) {
		t.Errorf("it verifies by itself: %v: %s", err, out)
	}
	if out, err := verify("--accept-recovery", met.Handover); err != nil || !strings.Contains(out, "signed by n1 of 1") {
		t.Errorf("it does not verify: %v: %s", err, out)
	}
	var report struct {
		Recoveries []struct{ By, Reason string }
	}
	out := works(t, v.c, "chain", "verify", "--policy", all, "--accept-recovery", met.Handover, "-o", "json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Recoveries) != 1 || report.Recoveries[0].By != "ada" {
		t.Errorf("chain verify says %+v (%v)", report, err)
	}

	must(t, f.Kill())
	f.Also("--accept-recovery", met.Handover)
	must(t, f.Start(), f.AwaitReady(t.Context(), 30*time.Second))
	until(t, 30*time.Second, "the follower goes on", func(ctx context.Context) error {
		s, err := followed(ctx, f)
		if err == nil && (s.Recovery != nil || s.CheckpointSize <= met.Size) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
}
