package operations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// noWrite is how long clients may wait for an acknowledged write while members are
// replaced.
const noWrite = time.Second

// replace erases a member's disk, starts it again as it was configured, and has one
// command make it a voter again.
func replace(t *testing.T, c *harness.Cluster, m *harness.Member) time.Duration {
	t.Helper()
	must(t, m.Erase())
	began := time.Now()
	done := make(chan said, 1)
	go func() { done <- bpsc(t, c.Without(m), "cluster", "replace", m.ID) }()
	until(t, 20*time.Second, "the replacement is open", func(ctx context.Context) error {
		leader, err := c.Without(m).Leader(ctx)
		if err != nil {
			return err
		}
		s, err := c.State(ctx, leader)
		if err == nil && !s.Replacing(m.ID) {
			err = errors.New("it is not")
		}
		return err
	})
	must(t, m.Start())
	if s := <-done; s.code != 0 {
		t.Fatalf("replace %s: exit code %d: %s", m.ID, s.code, s.err)
	}
	took := time.Since(began)
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	return took
}

// The disk of a member is erased under load. After one command it is a voter again,
// under a new identity, with every check of the chain passing.
func TestReplaceAMemberWhoseDiskIsErased(t *testing.T) {
	c := startCluster(t, harness.Options{Args: soon})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 3})
	must(t, load.AwaitMore(t.Context(), 100))
	n3 := c.Members[2]
	took := replace(t, c, n3)
	must(t, load.AwaitMore(t.Context(), 100))
	sent, err := load.Stop()
	must(t, err)
	if _, s := view(t, c); voters(s) != "n1 n2 n3" || s.Members[2].Instance == "" {
		t.Errorf("the members are %+v", s.Members)
	}
	verifyAll(t, c, sent)
	t.Logf("a voter again after %v; longest time without an acknowledged write %v", took.Round(time.Millisecond), harness.Gap(sent).Round(time.Millisecond))
}

// Every member is replaced in turn, the leader among them, under load.
func TestReplaceEveryMemberInTurn(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 8, Seed: 4})
	must(t, load.AwaitMore(t.Context(), 1000))
	var took []string
	for _, m := range c.Members {
		took = append(took, fmt.Sprintf("%s %v", m.ID, replace(t, c, m).Round(time.Millisecond)))
		must(t, load.AwaitMore(t.Context(), 1000))
	}
	sent, err := load.Stop()
	if err != nil {
		t.Errorf("requests failed with retries: %v", err)
	}
	verifyAll(t, c, sent)
	gap := harness.Gap(sent)
	t.Logf("%d requests, voters again after %v, 0 failed; longest time without an acknowledged write %v", len(sent), took, gap.Round(time.Millisecond))
	if gap > noWrite {
		t.Errorf("no write was acknowledged for %v, at most %v are allowed", gap, noWrite)
	}
}

// The identity that was replaced never comes back, whatever is put in its place: the
// old folder is refused by those who know.
func TestWhatWasReplacedDoesNotComeBack(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Args: soon})
	n3 := c.Members[2]
	must(t, n3.Kill())
	kept := n3.Data + ".kept"
	must(t, os.Rename(n3.Data, kept))
	replace(t, c, n3)
	must(t, n3.Kill(), os.RemoveAll(n3.Data), os.Rename(kept, n3.Data), n3.Start())
	ended(t, &n3.Process, exitRemoved, "removed from its cluster")
	verifyAll(t, c.Without(n3), nil)
}
