package transport

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

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
		require.Eventually(t, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.beat["n2"] != nil
		}, patience, time.Millisecond, "a try that waits")
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
