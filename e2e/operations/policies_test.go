package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// verifiers are what a holder of receipts has: files, and programs to check them.
type verifiers struct {
	t   *testing.T
	c   *harness.Cluster
	dir string
}

// keep has bpsc print something and keeps it.
func (v verifiers) keep(name string, args ...string) string {
	v.t.Helper()
	file := filepath.Join(v.dir, name)
	if err := os.WriteFile(file, []byte(works(v.t, v.c, args...)), 0o600); err != nil {
		v.t.Fatal(err)
	}
	return file
}

// receipt pays, and keeps the receipt.
func (v verifiers) receipt(name string, m *harness.Member) (file string, ack harness.Ack) {
	v.t.Helper()
	ack, err := v.c.SubmitText(v.t.Context(), m, `{"sender":"a","recipient":"b","amount":1}`)
	must(v.t, err)
	file = filepath.Join(v.dir, name)
	until(v.t, 30*time.Second, "the receipt", func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, binary, "receipt", "get", ack.ID, "--file", file, "--server", m.URL).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	return file, ack
}

// agree has bpsc and a program that shares no code with it check a receipt offline.
func (v verifiers) agree(receipt, policies, signed string) {
	v.t.Helper()
	out, err := exec.CommandContext(v.t.Context(), binary, "receipt", "verify", receipt, "--policy", policies).CombinedOutput()
	if err != nil || !strings.Contains(string(out), signed) {
		v.t.Errorf("%s by %s: %v: %s, want %q", receipt, policies, err, out, signed)
	}
	root, err := harness.Root()
	must(v.t, err)
	cmd := exec.CommandContext(v.t.Context(), "go", "run", "./e2e/receipt", policies, receipt)
	cmd.Dir = root
	if out, err = cmd.CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("ok: ")) {
		v.t.Errorf("e2e/receipt says of %s by %s: %v: %s", receipt, policies, err, out)
	}
}

// Two of three members are replaced by others. Receipts from before and after verify by
// one file; a follower and a witness that were given the policy of before go on.
func TestPoliciesFollowTheMembers(t *testing.T) {
	dir := t.TempDir()
	w, err := harness.NewWitness(t.Context(), binary, dir, "w1")
	must(t, err)
	witnesses := filepath.Join(dir, "witnesses")
	must(t, os.WriteFile(witnesses, []byte(w.Line), 0o600))
	c := startCluster(t, harness.Options{Contract: `{"token":"aka","wallets":"open","schedule":{"transactions":1}}`,
		Args: []string{"--promote-after", "500ms", "--witnesses", witnesses, "--witness-quorum", "1"}})
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	v := verifiers{t, c, dir}
	until(t, 30*time.Second, "all keys are known", func(context.Context) error {
		if s := bpsc(t, c, "cluster", "keys"); s.code != 0 {
			return errors.New(s.err)
		}
		return nil
	})
	before := v.keep("before", "cluster", "keys")
	policy, err := os.ReadFile(before)
	must(t, err, os.WriteFile(w.Policy, policy, 0o600), w.Start(), w.AwaitLive(t.Context(), 10*time.Second))
	t.Cleanup(func() { _ = w.Kill() })
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: dir, ID: "f", Upstreams: c.URLs(), Args: []string{"--policy", before}})
	must(t, err, f.Start())
	t.Cleanup(func() {
		_ = f.Kill()
		if t.Failed() {
			t.Logf("witness:\n%s\nfollower:\n%s", w.LogTail(20), f.LogTail(20))
		}
	})
	first, _ := v.receipt("first", c.Members[0])
	v.agree(first, before, "witnessed by w1")

	for i, gone := range []string{"n1", "n2"} {
		m, err := c.Grow()
		must(t, err, m.Start())
		until(t, 30*time.Second, m.ID+" is added", func(context.Context) error { // once it listens
			if s := bpsc(t, v.c, "cluster", "add", m.ID, m.Raft); s.code != 0 {
				return errors.New(s.err)
			}
			return nil
		})
		awaitVoters(t, c, []string{"n1 n2 n3 n4", "n2 n3 n4 n5"}[i])
		works(t, v.c, "cluster", "remove", gone)
		v.c = c.Without(c.Members[i])
		if i == 1 {
			v.c = v.c.Without(c.Members[0])
		}
		awaitVoters(t, v.c, []string{"n2 n3 n4", "n3 n4 n5"}[i])
	}
	last, ack := v.receipt("last", v.c.Members[2])

	// Five policies: of three members, four, three, four, and three again.
	var all string
	until(t, 30*time.Second, "all handovers are signed", func(context.Context) error {
		all = v.keep("all", "cluster", "keys", "--history")
		text, err := os.ReadFile(all)
		if err == nil && !bytes.Contains(text, []byte("# policy 5: members n3, n4, n5, of whom 2 sign\n")) {
			err = fmt.Errorf("the history is\n%s", text)
		}
		return err
	})
	v.agree(first, all, "of 3, witnessed by w1")
	v.agree(last, all, "of 3, witnessed by w1")
	if out, err := exec.CommandContext(t.Context(), binary, "receipt", "verify", last, "--policy", before).CombinedOutput(); err == nil {
		t.Errorf("n3 alone is no majority of the members of before, and %s", out)
	}
	if _, err := exec.LookPath("python3"); err == nil && exec.Command("python3", "-c", "import cryptography").Run() == nil {
		root, err := harness.Root()
		must(t, err)
		if out, err := exec.CommandContext(t.Context(), "python3", filepath.Join(root, "docs", "verify_receipt.py"), last, all).CombinedOutput(); err != nil {
			t.Errorf("verify_receipt.py: %v: %s", err, out)
		}
	}

	until(t, 30*time.Second, "the follower has the newest checkpoint", func(ctx context.Context) error {
		var s struct {
			Chains []struct {
				PolicyNumber   int    `json:"policy_number"`
				CheckpointSize uint64 `json:"checkpoint_size"`
			}
		}
		err := harness.Get(ctx, f.HTTP, f.URL+"/v1/sync", &s)
		if err == nil && (len(s.Chains) != 1 || s.Chains[0].PolicyNumber != 5 || s.Chains[0].CheckpointSize < ack.Block) {
			err = fmt.Errorf("it says %+v", s)
		}
		return err
	})
	must(t, f.AwaitReady(t.Context(), 10*time.Second))
	// Who asks the follower hears the same.
	resp, err := http.Get(f.URL + "/v1/policies?from=5")
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the follower answers %d", resp.StatusCode)
	}
	if out, err := exec.CommandContext(t.Context(), binary, "chain", "verify", "--server", f.URL, "--policy", all).CombinedOutput(); err != nil || !strings.Contains(string(out), "is signed by") {
		t.Errorf("chain verify: %v: %s", err, out)
	}
}
