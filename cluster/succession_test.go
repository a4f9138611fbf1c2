package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/cluster/transport"
)

// patientCluster is three members whose time-outs are much longer than a test waits, and
// the links between them.
func patientCluster(t *testing.T) (*testCluster, *links) {
	t.Helper()
	return linkedCluster(t, 10*patience)
}

func linkedCluster(t *testing.T, timeout time.Duration) (*testCluster, *links) {
	t.Helper()
	c := newTestCluster(t, 3)
	l := newLinks(c)
	c.tune = func(i int, cfg *Config) {
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLeaseTimeout = timeout, timeout, timeout
		cfg.DiskStall = max(cfg.DiskStall, 2*timeout)
		cfg.dialer = l.dialer(i)
	}
	for i := range c.members {
		c.start(i)
	}
	c.leader()
	return c, l
}

// followers are the two members that do not lead.
func (c *testCluster) followers(leader int) (a, b int) { return (leader + 1) % 3, (leader + 2) % 3 }

// connected waits until all members have each other's status.
func (c *testCluster) connected() {
	c.t.Helper()
	waitFor(c.t, "everybody's status", func() bool {
		for i, m := range c.members {
			for k, p := range c.peers {
				if s := m.gatherer.Member(p.ID); k != i && s.Role == status.RoleUnreachable {
					return false
				}
			}
		}
		return true
	})
}

// A leader whose process is dead is replaced without any time-out, and so is the next.
func TestDeadLeaderIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	c, _ := patientCluster(t)
	for range 3 {
		c.connected()
		leader := c.leader()
		c.mustPropose(c.other(leader), "before")
		c.cutOff(leader)
		began := time.Now()
		c.mustPropose(c.other(leader), "after")
		t.Logf("written again after %v", time.Since(began).Round(time.Millisecond))
		c.discard(leader)
		c.start(leader)
		c.leader()
	}
	c.sameHistory()
}

// What looks like a dead leader to one member or the other, and is none.
func TestFalseAlarmsDeposeNobody(t *testing.T) {
	for name, alarm := range map[string]func(l *links, leader, a, b int) (dialling [][2]int){
		"a proxy before the leader refuses everybody": func(l *links, leader, a, b int) [][2]int {
			l.cut(a, leader, errRefused)
			l.cut(b, leader, errRefused)
			return [][2]int{{a, leader}, {b, leader}}
		},
		"a firewall rejects on one link, both ways": func(l *links, leader, a, b int) [][2]int {
			l.cut(a, leader, errRefused)
			l.cut(leader, a, errRefused)
			return [][2]int{{a, leader}}
		},
		"no descriptors left where it is dialled from": func(l *links, leader, a, b int) [][2]int {
			l.cut(a, leader, errDescriptors)
			l.cut(b, leader, errDescriptors)
			l.cut(leader, a, nil)
			l.cut(leader, b, nil)
			return [][2]int{{a, leader}, {b, leader}}
		},
		"no descriptors left at the leader, which accepts nothing": func(l *links, leader, a, b int) [][2]int {
			l.cut(a, leader, errNoAnswer)
			l.cut(b, leader, errNoAnswer)
			return [][2]int{{a, leader}, {b, leader}}
		},
		"its certificate is refused": func(l *links, leader, a, b int) [][2]int {
			l.cut(a, leader, errors.New("handshake failed"))
			l.cut(b, leader, errors.New("handshake failed"))
			return [][2]int{{a, leader}, {b, leader}}
		},
		"all connections are reset, and it listens": func(l *links, leader, a, b int) [][2]int {
			for _, way := range [][2]int{{a, leader}, {b, leader}, {leader, a}, {leader, b}} {
				l.cut(way[0], way[1], nil)
			}
			return nil
		},
		"one refuses because the other is dead": func(l *links, leader, a, b int) [][2]int {
			l.cut(a, b, errRefused)
			l.cut(b, a, errRefused)
			return [][2]int{{a, b}, {b, a}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, l := patientCluster(t)
			c.connected()
			leader := c.leader()
			a, b := c.followers(leader)
			term := c.members[leader].raft.CurrentTerm()
			for _, way := range alarm(l, leader, a, b) {
				waitFor(t, "redials", func() bool { return l.tried(way[0], way[1]) >= 4 })
			}
			for _, i := range []int{a, b} { // each has looked once more
				c.members[i].succession.alarm()
				waitFor(t, "a look", func() bool { return len(c.members[i].succession.changed) == 0 })
			}
			for range 20 {
				c.mustPropose(leader, "x")
			}
			if m := c.members[leader]; m.raft.State() != raft.Leader || m.raft.CurrentTerm() != term {
				t.Errorf("it is %v in term %d, and led in term %d", m.raft.State(), m.raft.CurrentTerm(), term)
			}
		})
	}
}

// A leader whose every packet is lost is replaced once it was silent for a heartbeat
// time-out, without the random part of raft's own.
func TestSilentLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	c, l := linkedCluster(t, time.Second)
	c.connected()
	leader := c.leader()
	a, b := c.followers(leader)
	c.mustPropose(a, "before")
	l.lose(leader, a)
	l.lose(leader, b)
	began := time.Now()
	waitFor(t, "another leader", func() bool { return c.members[a].IsLeader() || c.members[b].IsLeader() })
	t.Logf("after %v", time.Since(began).Round(time.Millisecond))
	waitFor(t, "the old one to notice", func() bool { return c.members[leader].raft.State() != raft.Leader })
}

// A leader that was silent, and is heard just when a member is about to stand, is not put
// down: the question at the last moment goes by what raft has heard by then.
func TestALeaderThatIsHeardAtTheLastMomentLeadsOn(t *testing.T) {
	t.Parallel()
	c, _ := patientCluster(t)
	leader := c.leader()
	m := c.members[c.other(leader)]
	s := newSuccession(m)
	heard := m.raft.LastContact()
	s.silent.Store(&heard) // as if the time-out was over by then
	v := s.view(time.Now())
	waitFor(t, "the leader to be heard again", func() bool { return m.raft.LastContact().After(heard) })
	if v.Self.Term != m.raft.CurrentTerm() {
		t.Fatal("another one leads")
	}
	if s.stands(v).Right {
		t.Error("it puts down a leader that it has just heard")
	}
}

// What ends a candidacy puts no leader down, and ends one.
func TestWhoGivesUp(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0)
	stand := func(m *Member, term uint64) bool {
		return m.transport.Stand(t.Context(), func() transport.Standing {
			return transport.Standing{Right: true, Candidate: true, Self: m.name, Term: term, Follows: func() bool { return m.raft.State() == raft.Follower }}
		})
	}
	alone := c.members[0]
	waitFor(t, "a candidate", func() bool { return alone.raft.State() == raft.Candidate })
	waitFor(t, "that it stands anew", func() bool { return stand(alone, alone.raft.CurrentTerm()) })
	c.start(1)
	c.start(2)
	leader := c.members[c.leader()]
	term := leader.raft.CurrentTerm()
	if stand(leader, term) {
		t.Error("a leader stands")
	}
	if stand(leader, term-1) {
		t.Error("one that leads already in the term after stands")
	}
	if leader.raft.State() != raft.Leader || leader.raft.CurrentTerm() != term {
		t.Errorf("it is a %v in term %d, and led in term %d", leader.raft.State(), leader.raft.CurrentTerm(), term)
	}
}
