package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A member that was away gets what it has missed at once when it is back, and not only after
// as long again: raft would wait up to twice as long as before between two tries.
func TestAMemberThatComesBackCatchesUpAtOnce(t *testing.T) {
	c := startCluster(t, 3)
	leader := c.leader()
	away := c.other(leader)
	c.stop(away)
	// raft's pauses double from 10 ms on: the one that begins 2.6 s after the first try would last
	// as long again.
	for began, n := time.Now(), 0; time.Since(began) < 2900*time.Millisecond; n++ {
		c.mustPropose(leader, fmt.Sprintf("request %d", n))
	}
	require.Equal(t, leader, c.leader(), "the test is about one leader's tries")
	goal := c.members[leader].raft.AppliedIndex()
	m := c.start(away)
	began := time.Now()
	waitFor(t, "the member that was away", func() bool { return m.raft.AppliedIndex() >= goal })
	took := time.Since(began)
	t.Logf("as far as the others after %v", took.Round(time.Millisecond))
	require.Less(t, took, 1200*time.Millisecond)
}

// A member that follows applies what is committed at once, though nothing comes after it.
func TestWhatIsCommittedIsAnnounced(t *testing.T) {
	c := newTestCluster(t, 3)
	c.tune = func(_ int, cfg *Config) { cfg.CommitTimeout = time.Hour }
	for i := range c.members {
		c.start(i)
	}
	leader := c.leader()
	for _, through := range []int{leader, c.other(leader)} {
		c.mustPropose(through, "the last for an hour")
		c.sameHistory()
	}
}
