package cluster

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
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

func TestReach(t *testing.T) {
	yes := func() bool { return true }
	never := make(chan struct{})
	var r reach
	for range reachTries - 1 {
		require.False(t, r.again("n2", yes, never), "the first tries are raft's")
	}
	waits := func() chan bool {
		done := make(chan bool, 1)
		go func() { done <- r.again("n2", yes, never) }()
		waitFor(t, "a try that waits", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.beat["n2"] != nil
		})
		return done
	}
	done := waits()
	r.through("n3", true)
	r.through("n2", true)
	require.True(t, <-done)

	r.through("n2", false)
	require.False(t, r.again("n2", yes, never), "what got through is no failure any more")
	r.failed["n2"] = reachTries
	require.False(t, r.again("n2", func() bool { return false }, never), "who does not lead has nothing to send")
	closed := make(chan struct{})
	close(closed)
	require.False(t, r.again("n2", yes, closed))

	require.True(t, turned(errors.New("this member has no room on its disk for more entries")), "as the library hands on what another member says")
	require.False(t, turned(io.EOF))
	require.True(t, isBeat(&raft.AppendEntriesRequest{Term: 3}))
	require.False(t, isBeat(&raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 1, PrevLogTerm: 1}))
	require.False(t, isBeat(&raft.AppendEntriesRequest{Term: 3, LeaderCommitIndex: 1}))
	require.False(t, isBeat(&raft.AppendEntriesRequest{Term: 3, Entries: []*raft.Log{{}}}))
}

// Where no heartbeat gets through, which have long pauses where time-outs are long, a try is
// made each second; and once a minute raft is asked whether anybody wants it still.
func TestReachWithoutHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reach
		yes, never := func() bool { return true }, make(chan struct{})
		for range reachTries - 1 {
			r.again("n2", yes, never)
		}
		for range 2 {
			began, tries := time.Now(), 0
			for r.again("n2", yes, never) {
				tries++
			}
			require.Equal(t, reachTurn+reachPause, time.Since(began))
			require.Equal(t, int((reachTurn+reachPause)/reachPause), tries)
		}
	})
}
