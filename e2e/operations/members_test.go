package operations

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Exit codes of bpsc.
const (
	exitUsage    = 2
	exitNotFound = 3
	exitRejected = 4
	exitRemoved  = 9
)

// soon has what is added become a voter soon: the tests have little to copy.
var soon = []string{"--promote-after", "500ms"}

// grow starts one more member, which waits to be added.
func grow(t *testing.T, c *harness.Cluster) *harness.Member {
	t.Helper()
	m, err := c.Grow()
	must(t, err)
	t.Cleanup(func() { _ = m.Kill() })
	must(t, m.Start(), c.AwaitServing(t.Context(), m))
	return m
}

// ended waits until a process has ended with that code, and has said why.
func ended(t *testing.T, p *harness.Process, code int, why ...string) {
	t.Helper()
	got, err := p.AwaitExit(t.Context(), 20*time.Second)
	must(t, err)
	if got != code {
		t.Errorf("%s ended with %d, want %d", p.ID, got, code)
	}
	log := p.LogTail(20)
	for _, says := range why {
		if !strings.Contains(log, says) {
			t.Errorf("%s does not say %q: %s", p.ID, says, log)
		}
	}
}

// A member comes, leads, loses its vote and goes, and nobody who writes notices.
func TestMembersComeAndGo(t *testing.T) {
	c := startCluster(t, harness.Options{Args: soon})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 1})
	n4 := grow(t, c)

	if out := works(t, c, "cluster", "add", "n4", n4.Raft, "--dry-run"); !strings.Contains(out, "Nothing has been changed") {
		t.Error(out)
	}
	if _, s := view(t, c); voters(s) != "n1 n2 n3" || len(s.Members) != 3 {
		t.Errorf("a dry run has changed the members: %+v", s.Members)
	}
	works(t, c, "cluster", "add", "n4", n4.Raft)
	awaitVoters(t, c, "n1 n2 n3 n4")
	refused(t, c, exitRejected, "member_exists", "cluster", "add", "n4", n4.Raft)
	refused(t, c, exitRejected, "already_voter", "cluster", "promote", "n4")
	refused(t, c, exitNotFound, "member_unknown", "cluster", "remove", "n9")
	refused(t, c, exitRejected, "member_unreachable", "cluster", "add", "n9", "127.0.0.1:1")
	refused(t, c, exitRejected, "member_not_empty", "cluster", "add", "n9", n4.Raft)
	refused(t, c, exitRejected, "configuration_changed", "cluster", "remove", "n4", "--at", "1")
	must(t, load.AwaitMore(t.Context(), 20))

	works(t, c, "cluster", "transfer-leader", "n4")
	if leader, _ := view(t, c); leader != n4 {
		t.Errorf("%s leads, not n4", leader.ID)
	}
	works(t, c, "cluster", "demote", "n4") // it hands over first
	awaitVoters(t, c, "n1 n2 n3")
	must(t, load.AwaitMore(t.Context(), 20))
	works(t, c, "cluster", "remove", "n4")
	ended(t, &n4.Process, exitRemoved, "removed from its cluster", "bpsc cluster add n4")
	must(t, n4.Start())
	ended(t, &n4.Process, exitRemoved, "never takes part again")

	rest := c.Without(n4)
	sent, err := load.Stop() // it wrote through n4 as well, until that ended
	if err != nil {
		t.Error(err)
	}
	verifyAll(t, rest, sent)
	t.Logf("longest time without an acknowledged write: %v", harness.Gap(sent))
}

func TestOneMemberGrowsToThree(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Members: 1, Args: soon})
	n2 := grow(t, c)
	refused(t, c, exitRejected, "two_voters", "cluster", "add", "n2", n2.Raft)
	works(t, c, "cluster", "add", "n2", n2.Raft, "--two-voters")
	n3 := grow(t, c)
	works(t, c, "cluster", "add", "n3", n3.Raft)
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 2})
	_, err := c.KillLeader(t.Context(), load)
	must(t, err, load.AwaitMore(t.Context(), 50), c.Start(t.Context()))
	sent, err := load.Stop()
	must(t, err)
	verifyAll(t, c, sent)
}

// What would leave no majority is refused, whoever is asked, and nothing is changed.
func TestRemovalsThatWouldLoseTheMajority(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Args: soon})
	refused(t, c, exitRejected, "two_voters", "cluster", "remove", "n3")
	must(t, c.Members[2].Kill())
	until(t, 20*time.Second, "n3 is seen to be down", func(ctx context.Context) error {
		leader, err := c.Leader(ctx)
		if err != nil {
			return err
		}
		s, err := c.State(ctx, leader)
		for _, m := range s.Members {
			if m.ID == "n3" && m.Role != "unreachable" {
				return fmt.Errorf("it is %s", m.Role)
			}
		}
		return err
	})
	leader, before := view(t, c)
	for _, id := range []string{"n1", "n2"} { // one of them leads
		refused(t, c, exitRejected, "quorum_at_risk", "cluster", "remove", id, "--two-voters")
		refused(t, c, exitRejected, "quorum_at_risk", "cluster", "demote", id, "--two-voters")
	}
	refused(t, c, exitRejected, "member_unreachable", "cluster", "transfer-leader", "n3")
	if now, s := view(t, c); now != leader || s.Configuration != before.Configuration {
		t.Errorf("%s leads configuration %d, and before %s led %d", now.ID, s.Configuration, leader.ID, before.Configuration)
	}
	works(t, c, "cluster", "remove", "n3", "--two-voters")
	must(t, c.Members[2].Start())
	ended(t, &c.Members[2].Process, exitRemoved, "removed from its cluster")

	// The leader of two makes way, and goes.
	works(t, c, "cluster", "remove", leader.ID)
	ended(t, &leader.Process, exitRemoved)
	rest := c.Without(c.Members[2]).Without(leader)
	last := rest.Members[0]
	awaitVoters(t, rest, last.ID)
	refused(t, rest, exitRejected, "quorum_at_risk", "cluster", "remove", last.ID)
	verifyAll(t, rest, nil)
}

// Of two operators who change what both have seen one is told to look again.
func TestTwoOperatorsAtOnce(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Members: 5, Args: soon})
	_, before := view(t, c)
	at := fmt.Sprint(before.Configuration)
	results := make([]said, 2)
	var both sync.WaitGroup
	for i, id := range []string{"n4", "n5"} {
		both.Go(func() { results[i] = bpsc(t, c, "cluster", "remove", id, "--at", at) })
	}
	both.Wait()
	if results[0].code+results[1].code != exitRejected {
		t.Errorf("%+v", results)
	}
	if text := results[0].err + results[1].err; !strings.Contains(text, "configuration_changed") && !strings.Contains(text, "change_in_progress") {
		t.Error(text)
	}
	if _, s := view(t, c); len(s.Members) != 4 {
		t.Errorf("%d members are left", len(s.Members))
	}
}

// A member of another cluster can neither join nor be dialled.
func TestAMemberOfAnotherCluster(t *testing.T) {
	long(t)
	c, other := startCluster(t, harness.Options{Args: soon}), startCluster(t, harness.Options{Members: 1})
	stranger := other.Members[0]
	refused(t, c, exitRejected, "other_cluster", "cluster", "add", "n1x", stranger.Raft)
	refused(t, c, exitRejected, "other_cluster", "cluster", "replace", "n3", stranger.Raft, "--timeout", "5s")
	verifyAll(t, c, nil)
	verifyAll(t, other, nil)
}

// A folder that is empty under an id that is in use does not begin anything, and says
// what to do. So does one whose id the cluster does not know.
func TestAnEmptyFolderUnderAKnownID(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Args: soon})
	n3 := c.Members[2]
	must(t, n3.Erase(), n3.Start())
	ended(t, &n3.Process, exitUsage, "bpsc cluster replace n3")

	_, s := view(t, c)
	peers := ""
	for _, m := range s.Members {
		peers += "," + m.ID + "=" + m.Raft
	}
	port, err := harness.FreePort()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), binary, "server", "--id", "n7", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--advertise", "http://127.0.0.1:1",
		"--cluster", fmt.Sprintf("n7=127.0.0.1:%d%s", port, peers))
	cmd.Env = harness.Environ()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), "bpsc cluster add n7") {
		t.Errorf("%v: %s", err, out)
	}
	verifyAll(t, c.Without(n3), nil)
}
