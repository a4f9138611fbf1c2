package cluster

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// setClock is a wall clock that tests set.
type setClock struct{ ahead atomic.Int64 }

func (s *setClock) set(ahead time.Duration) { s.ahead.Store(int64(ahead)) }

func (s *setClock) wall(at time.Time) int64 { return at.Add(time.Duration(s.ahead.Load())).UnixMicro() }

// clockCluster is members whose clocks the test sets.
func clockCluster(t *testing.T, n int) (*testCluster, []*setClock) {
	c := newTestCluster(t, n)
	own := make([]*setClock, n)
	for i := range own {
		own[i] = &setClock{}
	}
	c.tune = func(i int, cfg *Config) { cfg.wall = own[i].wall }
	return c, own
}

// aheadOfTime is by how much the machine's time is ahead of the true one.
func (c *testCluster) aheadOfTime(i int) time.Duration {
	return time.Until(time.UnixMicro(c.machines[i].snapshot().Micros))
}

// A leader whose clock is set makes way at once, and not one entry carries its
// time. When its clock is right again it may lead.
func TestALeaderWhoseClockIsSetMakesWay(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{2 * time.Hour, -2 * time.Hour, 25 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			c, own := clockCluster(t, 3)
			for i := range c.members {
				c.start(i)
			}
			leader := c.leader()
			c.mustPropose(leader, "before")
			own[leader].set(step)
			waitFor(t, "another leader", func() bool {
				c.propose(leader, "meanwhile")
				id, ok := c.members[c.other(leader)].Leader()
				return ok && id != c.peers[leader].ID && !c.members[leader].IsLeader()
			})
			c.mustPropose(leader, "after")
			c.sameHistory()
			if ahead := c.aheadOfTime(leader); ahead.Abs() > 2*time.Second {
				t.Errorf("the machine's time is %v ahead", ahead)
			}
			err := c.members[leader].Ready()
			if err == nil || !strings.Contains(err.Error(), "its clock is") || !strings.Contains(err.Error(), "h0m0") && !strings.Contains(err.Error(), "h59m59") {
				t.Errorf("ready: %v", err)
			}
			if s := c.members[leader].Self(); (s.ClockOffset - step).Abs() > time.Second {
				t.Errorf("status: %+v", s)
			}
			own[leader].set(0)
			waitFor(t, "the clock to be right again", func() bool { return c.members[leader].Ready() == nil })
		})
	}
}

// On a member that follows it keeps the cluster from nothing.
func TestAMemberThatFollowsWhoseClockIsSet(t *testing.T) {
	t.Parallel()
	c, own := clockCluster(t, 3)
	for i := range c.members {
		c.start(i)
	}
	leader := c.leader()
	other := c.other(leader)
	term := c.members[leader].raft.CurrentTerm()
	own[other].set(2 * time.Hour)
	waitFor(t, "the clock to be noticed", func() bool { return !c.members[other].fitness.Fit() })
	c.mustPropose(other, "a")
	c.sameHistory()
	if got := c.members[leader].raft.CurrentTerm(); got != term {
		t.Errorf("term %d became %d", term, got)
	}
	if ahead := c.aheadOfTime(leader); ahead.Abs() > 2*time.Second {
		t.Errorf("the machine's time is %v ahead", ahead)
	}
}

// Two of three whose clocks differ go on, by the slower one.
func TestTwoOfThreeWhoseClocksDiffer(t *testing.T) {
	t.Parallel()
	c, own := clockCluster(t, 3)
	own[1].set(2 * time.Hour)
	c.start(0)
	c.start(1)
	leader := c.leader()
	c.mustPropose(leader, "a")
	c.mustPropose(c.other(leader)%2, "b")
	if ahead := c.aheadOfTime(leader); ahead.Abs() > 2*time.Second {
		t.Errorf("the machine's time is %v ahead", ahead)
	}
}

// Where all clocks differ there is a leader all the same, and the middle one
// counts, once all have been heard.
func TestAllClocksDiffer(t *testing.T) {
	t.Parallel()
	c, own := clockCluster(t, 3)
	for i := range c.members {
		c.start(i)
	}
	c.connected() // before, the slower of the two that are known counts
	own[0].set(-time.Hour)
	own[2].set(time.Hour)
	c.mustPropose(0, "a")
	c.sameHistory()
	if ahead := c.aheadOfTime(0); ahead.Abs() > 2*time.Second {
		t.Errorf("the machine's time is %v ahead", ahead)
	}
}

// A member alone has nobody to compare with.
func TestTheClockOfOne(t *testing.T) {
	t.Parallel()
	c, own := clockCluster(t, 1)
	c.start(0)
	c.mustPropose(0, "a")
	own[0].set(25 * time.Hour)
	c.mustPropose(0, "b")
	if ahead := c.aheadOfTime(0); ahead.Abs() > 2*time.Second {
		t.Errorf("the machine's time is %v ahead", ahead)
	}
	own[0].set(0)
	c.mustPropose(0, "c")
}
