package cluster

import (
	"slices"
	"testing"
	"time"
)

// What is due is done in time, with nobody asking, once.
func TestTick(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	for i := range c.members {
		before := c.machines[leader].snapshot().Fired
		begin := time.Now()
		c.mustPropose(i, "due 100ms")
		waitFor(t, "the tick", func() bool { return c.machines[leader].snapshot().Fired == before+1 })
		if took := time.Since(begin); took < 90*time.Millisecond {
			t.Errorf("a tick after %v, due after 100ms", took)
		}
	}
	c.sameHistory()
}

// An idle cluster writes nothing: ticks come when something is due, only.
func TestNoTickWithoutNeed(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	c.mustPropose(leader, "due 1h")
	last := c.members[leader].raft.LastIndex()
	ctx, cancel := testContext(t), func() {}
	defer cancel()
	select {
	case <-time.After(300 * time.Millisecond): // nothing to wait for: nothing must happen
	case <-ctx.Done():
	}
	if now := c.members[leader].raft.LastIndex(); now != last {
		t.Errorf("%d entries while idle", now-last)
	}
}

// The new leader goes on with it.
func TestTickAfterFailover(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	c.mustPropose(leader, "due 1s")
	c.sameHistory()
	c.stop(leader)
	next := c.leader()
	waitFor(t, "the tick of the new leader", func() bool { return c.machines[next].snapshot().Fired == 1 })
	if got := c.sameHistory(); len(got) != 2 {
		t.Errorf("history %q", got)
	}
}

// Leaders whose wall clocks are an hour behind the machine's time do not hold
// up what is due.
func TestClockBehind(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	var slow [3]bool
	c.tune = func(i int, cfg *Config) {
		if slow[i] {
			cfg.wall = func(at time.Time) int64 { return at.Add(-time.Hour).UnixMicro() }
		}
	}
	for i := range c.members {
		c.start(i)
	}
	leader := c.leader()
	c.mustPropose(leader, "by a good clock")
	c.sameHistory()
	slow = [3]bool{true, true, true}
	for i := range c.members {
		c.stop(i)
	}
	for i := range c.members {
		c.start(i)
	}
	leader = c.leader()
	before := c.machines[leader].snapshot().Micros
	c.mustPropose(leader, "due 200ms")
	waitFor(t, "the tick", func() bool { return c.machines[leader].snapshot().Fired == 1 })
	if after := c.machines[leader].snapshot().Micros; after < before+200_000 {
		t.Errorf("time went from %d to %d", before, after)
	}
}

// Whoever comes to lead has all entries, and need not have applied them: until then what it has is
// older than what others have shown.
func TestALeaderIsSettledWhenItHasAppliedAllThatWasBefore(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	waitFor(t, "a leader that is settled", c.members[leader].Settled)
	release := make(chan struct{})
	for i, m := range c.machines {
		if i != leader {
			m.mu.Lock()
			m.applying = release
			m.mu.Unlock()
		}
	}
	c.mustPropose(leader, "applied by the leader alone")
	c.stop(leader)
	next := -1
	waitFor(t, "another leader", func() bool {
		next = slices.IndexFunc(c.members, func(m *Member) bool { return c.running(m) && m.IsLeader() })
		return next >= 0
	})
	if c.members[next].Settled() {
		t.Error("it is settled, and has not applied what it has")
	}
	close(release)
	waitFor(t, "the next leader to be settled", func() bool {
		now := slices.IndexFunc(c.members, func(m *Member) bool { return c.running(m) && m.Settled() })
		return now >= 0 && len(c.machines[now].snapshot().History) == 1
	})
	for i, m := range c.members {
		if c.running(m) && m.Settled() && !m.IsLeader() {
			t.Errorf("%d is settled and does not lead", i)
		}
	}
}
