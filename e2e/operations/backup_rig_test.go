package operations

import (
	"bytes"
	"cmp"
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

// everyTwenty is a contract whose every twenty transfers are a block.
const everyTwenty = `{"token":"aka","wallets":"open","on_request":true,"schedule":{"transactions":20}}`

// command runs bpsc with what stands in env besides.
func command(t *testing.T, env []string, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(harness.Environ(), env...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	failed := cmd.Run()
	if failed != nil && !errors.As(failed, new(*exec.ExitError)) {
		t.Fatal(failed)
	}
	return said{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// does is command for one that has to succeed.
func does(t *testing.T, args ...string) string {
	t.Helper()
	s := command(t, nil, args...)
	if s.code != 0 {
		t.Fatalf("bpsc %s: exit code %d: %s", strings.Join(args, " "), s.code, s.err)
	}
	return s.out
}

// ends is command for one that has to end with a code and say why.
func ends(t *testing.T, code int, says string, args ...string) {
	t.Helper()
	if s := command(t, nil, args...); s.code != code || !strings.Contains(s.err, says) {
		t.Fatalf("bpsc %s: exit code %d, want %d and %q: %s", strings.Join(args, " "), s.code, code, says, s.err)
	}
}

// listedBackup is what bpsc backup list says of one.
type listedBackup struct {
	Name, State string
	Bytes       int64
	Content     int64 `json:"content_bytes"`
	Manifest    struct {
		Kind, By string
		Applied  uint64
		Chains   []struct {
			Token, Tip   string
			From, Length uint64
		}
	}
}

func listBackups(t *testing.T, place string, more ...string) (all []listedBackup) {
	t.Helper()
	must(t, json.Unmarshal([]byte(does(t, append([]string{"backup", "list", place, "--output", "json"}, more...)...)), &all))
	return all
}

// restored lays out a cluster whose members are restored, and starts them.
func restored(t *testing.T, o harness.Options, from ...string) *harness.Cluster {
	t.Helper()
	o.Binary, o.Dir, o.Contract = binary, t.TempDir(), cmp.Or(o.Contract, everyTwenty)
	c, err := harness.New(o)
	must(t, err)
	t.Cleanup(func() {
		_ = c.KillAll()
		for _, m := range c.Members {
			if t.Failed() {
				t.Logf("log of restored %s:\n%s", m.ID, m.LogTail(30))
			}
		}
	})
	for _, m := range c.Members {
		does(t, restoring(c, m, from...)...)
	}
	must(t, c.Start(t.Context()))
	return c
}

// restoring is the command that makes a member's folder.
func restoring(c *harness.Cluster, m *harness.Member, from ...string) []string {
	var peers []string
	for _, p := range c.Members {
		peers = append(peers, p.ID+"="+p.Raft)
	}
	return append(append([]string{"backup", "restore"}, from...), "--data", m.Data, "--id", m.ID, "--cluster", strings.Join(peers, ","), "--by", "ann")
}

// blockHash is the hash that the block after index carries.
func blockHash(t *testing.T, c *harness.Cluster, m *harness.Member, index uint64) string {
	t.Helper()
	var b struct {
		PreviousHash string `json:"previous_hash"`
	}
	must(t, harness.Get(t.Context(), c.HTTP, fmt.Sprintf("%s/v1/blocks/%d", m.URL, index+1), &b))
	return b.PreviousHash
}

// saysRestored makes sure that the chain says what was done.
func saysRestored(t *testing.T, c *harness.Cluster) {
	t.Helper()
	m := c.Members[0]
	until(t, 20*time.Second, "the chain says that it was restored", func(ctx context.Context) error {
		out := does(t, "chain", "--from", "1", "--server", m.URL, "--output", "json")
		if !strings.Contains(out, `"kind": "recovery"`) || !strings.Contains(out, "restored from backup") || !strings.Contains(out, `"sender": "ann"`) {
			return errors.Join(errors.New("it does not"), harness.Get(ctx, c.HTTP, m.URL+"/mine", nil))
		}
		return nil
	})
}
