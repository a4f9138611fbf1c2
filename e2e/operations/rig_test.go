package operations

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// startCluster starts a cluster that ends with the test; when the test has failed, the
// members' last words are printed.
func startCluster(t *testing.T, o harness.Options) *harness.Cluster {
	t.Helper()
	o.Binary, o.Dir = cmp.Or(o.Binary, binary), cmp.Or(o.Dir, t.TempDir())
	c, err := harness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.KillAll(); err != nil {
			t.Error(err)
		}
		for _, m := range c.Members {
			if t.Failed() {
				t.Logf("log of %s:\n%s", m.ID, m.LogTail(30))
			}
		}
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// said is what a command printed, and its exit code.
type said struct {
	out, err string
	code     int
}

// bpsc runs a command as an operator does who knows the members' URLs.
func bpsc(t *testing.T, c *harness.Cluster, args ...string) said {
	t.Helper()
	s := command(t, nil, append(args, "--server", strings.Join(c.URLs(), ","))...)
	t.Logf("bpsc %s: %d\n%s%s", strings.Join(args, " "), s.code, s.out, s.err)
	return s
}

// works is bpsc for a command that has to succeed.
func works(t *testing.T, c *harness.Cluster, args ...string) string {
	t.Helper()
	s := bpsc(t, c, args...)
	if s.code != 0 {
		t.Fatalf("bpsc %s: exit code %d: %s", strings.Join(args, " "), s.code, s.err)
	}
	return s.out
}

// refused is bpsc for a command that has to be refused for a reason.
func refused(t *testing.T, c *harness.Cluster, code int, why string, args ...string) {
	t.Helper()
	if s := bpsc(t, c, args...); s.code != code || !strings.Contains(s.err, "("+why+")") {
		t.Fatalf("bpsc %s: exit code %d, want %d and %s: %s", strings.Join(args, " "), s.code, code, why, s.err)
	}
}

// must fails the test.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t *testing.T, limit time.Duration, what string, condition func(context.Context) error) {
	t.Helper()
	must(t, harness.Until(t.Context(), limit, what, condition))
}

// view is how the cluster looks from its leader.
func view(t *testing.T, c *harness.Cluster) (leader *harness.Member, s harness.State) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	must(t, err)
	s, err = c.State(t.Context(), leader)
	must(t, err)
	return leader, s
}

// voters are the members that vote, by id and, for one that joined, the beginning of
// its instance.
func voters(s harness.State) string {
	var names []string
	for _, m := range s.Members {
		if m.Voter {
			names = append(names, m.ID)
		}
	}
	return strings.Join(names, " ")
}

// awaitVoters waits until the members that vote are these.
func awaitVoters(t *testing.T, c *harness.Cluster, want string) {
	t.Helper()
	until(t, 30*time.Second, want+" vote", func(ctx context.Context) error {
		leader, err := c.Leader(ctx)
		if err != nil {
			return err
		}
		s, err := c.State(ctx, leader)
		if err == nil && voters(s) != want {
			err = fmt.Errorf("%s do", voters(s))
		}
		return err
	})
}

// verifyAll puts pending records into a block, waits until every member has them, and
// checks every chain from its first byte: they have to be the same, and to hold all
// that was acknowledged.
func verifyAll(t *testing.T, c *harness.Cluster, sent []harness.Sent) {
	t.Helper()
	leader, _ := view(t, c)
	until(t, time.Minute, "nothing is pending", func(ctx context.Context) error {
		var info struct{ Pending int }
		if err := harness.Get(ctx, c.HTTP, leader.URL+"/v1/contracts/aka", &info); err != nil || info.Pending == 0 {
			return err
		}
		return errors.Join(harness.Get(ctx, c.HTTP, leader.URL+"/mine", nil), fmt.Errorf("%d records are", info.Pending))
	})
	goal, err := c.State(t.Context(), leader)
	must(t, err)
	var tip []byte
	for _, m := range c.Members {
		until(t, time.Minute, m.ID+" has all", func(ctx context.Context) error {
			s, err := c.State(ctx, m)
			if err == nil && s.Self().Applied < goal.Self().Applied {
				err = fmt.Errorf("it has %d of %d", s.Self().Applied, goal.Self().Applied)
			}
			return err
		})
		ledger, texts := verified(t, c, m)
		for _, s := range sent {
			if _, there := ledger.Records[s.ID()]; s.Acked && !there {
				t.Fatalf("%s has no record %s, which was acknowledged", m.ID, s.Key)
			}
		}
		if last := texts[len(texts)-1]; tip == nil {
			tip = last
		} else if !bytes.Equal(tip, last) {
			t.Errorf("%s ends with another block:\n%s\n%s", m.ID, last, tip)
		}
	}
}

// verified checks the chain of a member. On a busy machine a leader may change meanwhile:
// what the member says may be asked again is.
func verified(t *testing.T, c *harness.Cluster, m *harness.Member) (ledger *verify.Ledger, texts [][]byte) {
	t.Helper()
	until(t, time.Minute, "the chain of "+m.ID+" verifies", func(ctx context.Context) (err error) {
		ledger, texts, err = verify.Member(ctx, c.HTTP, m.URL, "")
		if err != nil && !strings.Contains(err.Error(), `"retryable":true`) {
			return harness.Permanent(err)
		}
		return err
	})
	return ledger, texts
}
