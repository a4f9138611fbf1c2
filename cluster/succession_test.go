package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"
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
				if s := m.gatherer.status(p.ID); k != i && s.Role == RoleUnreachable {
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
	if s.stands(v).right {
		t.Error("it puts down a leader that it has just heard")
	}
}

// A member asks once more, at the last moment, whether it is right to stand; and one that
// is kept from winning by another candidate gives that election up first.
func TestStand(t *testing.T) {
	_, b, _ := testTransports(t)
	handed := func() any { // what raft gets, knocks aside
		late := time.After(patience)
		for {
			select {
			case rpc := <-b.Consumer():
				if q, asks := rpc.Command.(*raft.RequestVoteRequest); asks {
					rpc.Respond(&raft.RequestVoteResponse{Term: q.Term}, nil) // and its term has moved
				} else if rpc.Command != nil {
					rpc.Respond(nil, nil)
				}
				if rpc.Command != nil {
					return rpc.Command
				}
			case <-late:
				return nil
			}
		}
	}
	stood := make(chan bool, 1)
	stand := func(now standing) {
		go func() { stood <- b.Stand(t.Context(), func() standing { return now }) }()
	}
	stand(standing{right: true, term: 4})
	if got, ok := handed().(*raft.TimeoutNowRequest); !ok || !<-stood {
		t.Fatalf("got %T", got)
	}
	stand(standing{right: true, candidate: true, self: "b", term: 4, follows: func() bool { return true }})
	if got, ok := handed().(*raft.RequestVoteRequest); !ok || got.Term != 5 || got.LastLogIndex != 0 || string(got.ID) != "b" {
		t.Fatalf("got %+v", got)
	}
	if got, ok := handed().(*raft.TimeoutNowRequest); !ok || !<-stood {
		t.Fatalf("got %T", got)
	}
	stand(standing{right: false, candidate: true, self: "b", term: 4})
	for waiting := true; waiting; {
		select {
		case rpc := <-b.Consumer():
			if rpc.Command != nil {
				t.Fatalf("got %T", rpc.Command)
			}
		case was := <-stood:
			if was {
				t.Fatal("it stood")
			}
			waiting = false
		}
	}
}
