package cluster

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// startStalling is a cluster whose disks and machines may take half a second.
func startStalling(t *testing.T) *testCluster {
	t.Helper()
	c := newTestCluster(t, 3)
	c.tune = func(_ int, cfg *Config) { cfg.DiskStall = 500 * time.Millisecond }
	for i := range c.members {
		c.start(i)
	}
	c.leader()
	return c
}

// hang lets the machine of a member hang in Apply from the next entry on; what it
// returns ends that, once.
func (c *testCluster) hang(i int) (release func()) {
	hanging := make(chan struct{})
	machine := c.machines[i]
	machine.mu.Lock()
	machine.applying = hanging
	machine.mu.Unlock()
	release = sync.OnceFunc(func() {
		machine.mu.Lock()
		machine.applying = nil
		machine.mu.Unlock()
		close(hanging)
	})
	c.t.Cleanup(release)
	return release
}

func notReadyFor(m *Member, reason string) func() bool {
	return func() bool {
		err := m.Ready()
		return errors.Is(err, ErrNotReady) && strings.Contains(err.Error(), reason)
	}
}

// A leader whose machine hangs makes way, as one whose disk hangs. When it was
// only slow it goes on and catches up.
func TestLeaderWhoseMachineHangs(t *testing.T) {
	t.Parallel()
	c := startStalling(t)
	old := c.leader()
	m := c.members[old]
	release := c.hang(old)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	m.Propose(ctx, [][]byte{[]byte("hangs")})
	waitFor(t, "the leader to be unfit", notReadyFor(m, "applying an entry takes longer"))
	waitFor(t, "another leader", func() bool {
		id, ok := m.Leader()
		return ok && id != m.cfg.ID
	})
	c.mustPropose(c.other(old), "goes on")
	release()
	waitFor(t, "the slow member to be ready", func() bool { return m.Ready() == nil })
	c.sameHistory()
}

// A machine that never comes back ends the process.
func TestMachineThatHangsForGood(t *testing.T) {
	t.Parallel()
	c := startStalling(t)
	hung := c.other(c.leader())
	c.hang(hung)
	c.mustPropose(c.other(hung), "hangs there")
	if err := c.takeFatal(); !strings.Contains(err.Error(), "the state machine hangs") {
		t.Errorf("fatal: %v", err)
	}
}

// A member that follows is not ready while its machine hangs, though it hears the
// leader and stores entries.
func TestMemberThatFollowsWhoseMachineHangs(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	for i := range c.members {
		c.start(i)
	}
	hung := c.other(c.leader())
	m := c.members[hung]
	release := c.hang(hung)
	c.mustPropose(c.leader(), "hangs there")
	waitFor(t, "it not to be ready", notReadyFor(m, "was committed more than"))
	release()
	waitFor(t, "it to be ready", func() bool { return m.Ready() == nil })
}

// A snapshot that does not end is noticed as well, and is no reason to end.
func TestSnapshotThatHangs(t *testing.T) {
	t.Parallel()
	c := startStalling(t)
	old := c.leader()
	m, machine := c.members[old], c.machines[old]
	c.mustPropose(old, "something")
	hanging := make(chan struct{})
	machine.mu.Lock()
	machine.snapshotting = hanging
	machine.mu.Unlock()
	var taking sync.WaitGroup
	taking.Go(func() {
		if err := takeSnapshot(m); err != nil {
			t.Errorf("the snapshot: %v", err)
		}
	})
	waitFor(t, "the leader to be unfit", notReadyFor(m, "writing a snapshot takes longer"))
	began := time.Now() // an Apply that takes so long would end the process
	waitFor(t, "it to be more than late", func() bool { return time.Since(began) > 8*m.cfg.DiskStall })
	close(hanging)
	taking.Wait()
	waitFor(t, "it to be ready", func() bool { return m.Ready() == nil })
}
