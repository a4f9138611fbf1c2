package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/harness"
)

// startLossy starts members that reach each other through a network that can lose
// large packets.
func startLossy(t testing.TB, n int) (*testCluster, *harness.Lossy) {
	t.Helper()
	c, net := newTestCluster(t, n), harness.NewLossy()
	t.Cleanup(net.Close)
	for i, p := range c.peers {
		addr, err := net.Front(p.ID, p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		c.peers[i].Addr = addr
	}
	for i := range n {
		c.start(i)
	}
	c.leader()
	return c, net
}

// large is a request that fits in no small packet.
var large = strings.Repeat("large ", 1000)

// proposeSoon orders a large request within the time that a failover may take.
func (c *testCluster) proposeSoon(i int) Result {
	limit := 4 * stallTimeouts * c.members[i].cfg.ElectionTimeout
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return c.members[i].Propose(ctx, [][]byte{[]byte(large)})[0]
}

// A leader whose entries do not get through, or whose answers to them do not come
// back, makes way although its heartbeats get through.
func TestLeaderWhoseEntriesDoNotGetThrough(t *testing.T) {
	t.Parallel()
	c, net := startLossy(t, 3)
	old := c.leader()
	m := c.members[old]
	for _, p := range c.peers {
		net.Lose(m.cfg.ID, p.ID, true)
	}
	if r := c.proposeSoon(old); r.Err == nil {
		t.Fatal("a request got through: the fault is none")
	}
	waitFor(t, "another leader", func() bool {
		id, ok := m.Leader()
		return ok && id != m.cfg.ID
	})
	if err := m.Ready(); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "get through") {
		t.Errorf("the former leader says of its readiness: %v", err)
	}
	next := c.other(old)
	c.mustPropose(next, large)
	for _, p := range c.peers {
		net.Lose(m.cfg.ID, p.ID, false)
	}
	waitFor(t, "the former leader to be fit again", func() bool { return m.Ready() == nil })
	c.mustPropose(old, "after")
	c.sameHistory()
}

// When no member gets entries through, they take turns; soon after the network is
// well again one of them leads for good.
func TestNobodysEntriesGetThrough(t *testing.T) {
	t.Parallel()
	c, net := startLossy(t, 3)
	lose := func(lost bool) {
		for _, from := range c.peers {
			for _, to := range c.peers {
				net.Lose(from.ID, to.ID, lost)
			}
		}
	}
	lose(true)
	led := map[string]bool{}
	waitFor(t, "two members to have tried", func() bool {
		for _, m := range c.members {
			if m.IsLeader() && !led[m.cfg.ID] {
				led[m.cfg.ID] = true
				m.queue.Push(queue.NewCall([][]byte{[]byte(large)}, true, nil))
			}
		}
		return len(led) > 1
	})
	lose(false)
	c.mustPropose(0, "after")
	waitFor(t, "all to be ready", func() bool {
		for _, m := range c.members {
			if m.Ready() != nil {
				return false
			}
		}
		return true
	})
	c.sameHistory()
}

// A leader that is cut off from one of three leads on. That one knows that it is
// behind, though it hears heartbeats.
func TestLeaderWhoseEntriesReachAMajority(t *testing.T) {
	t.Parallel()
	c, net := startLossy(t, 3)
	var m, cut *Member
	// A busy machine can cost a leader its lease at any time, which says nothing: then the one
	// that is cut off may hear another one.
	waitFor(t, "a leader that leads for twice as long as entries may take, while the other is not ready", func() bool {
		lead := c.leader()
		m, cut = c.members[lead], c.members[c.other(lead)]
		isBehind := notReadyFor(cut, "was committed more than")
		net.Lose(m.cfg.ID, cut.cfg.ID, true)
		for began := time.Now(); time.Since(began) < 2*m.stallLimit() || !isBehind(); {
			r := c.proposeSoon(lead)
			if why := m.fitness.Why(); len(why) > 0 {
				t.Fatalf("it must not lead: %v (%v)", why, r.Err)
			}
			if r.Err != nil {
				t.Logf("again, for %s leads no more: %v", m.cfg.ID, r.Err)
				net.Lose(m.cfg.ID, cut.cfg.ID, false)
				return false
			}
			if time.Since(began) > patience {
				t.Fatalf("the other one is ready: %v", cut.Ready())
			}
		}
		return true
	})
	net.Lose(m.cfg.ID, cut.cfg.ID, false)
	waitFor(t, "the other to be ready", func() bool { return cut.Ready() == nil })
}

// A member that follows well, but whose requests do not reach the leader, says so.
func TestMemberWhoseRequestsDoNotGetThrough(t *testing.T) {
	t.Parallel()
	c, net := startLossy(t, 3)
	lead := c.leader()
	m := c.members[c.other(lead)]
	c.mustPropose(c.other(lead), "before") // so that it is connected
	net.Lose(m.cfg.ID, c.peers[lead].ID, true)
	m.queue.Push(queue.NewCall([][]byte{[]byte(large)}, false, nil))
	waitFor(t, "it not to be ready", notReadyFor(m, "has answered nothing that was passed on"))
	if err := c.members[lead].Ready(); err != nil {
		t.Error(err)
	}
}
