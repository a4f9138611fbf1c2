package cluster

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/cluster/roster"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// judgeNothing is a member to which nothing has happened.
type judgeNothing struct{}

func (judgeNothing) Position(string) memory.Position      { return memory.Position{} }
func (judgeNothing) Judge(string, memory.Position) error  { return nil }
func (judgeNothing) Accept(string, memory.Position) error { return nil }
func (judgeNothing) Condemn(error)                        {}
func (judgeNothing) Rejected(string, port.Verdict)        {}
func (judgeNothing) Removed(string) bool                  { return false }
func (judgeNothing) Departed(string) bool                 { return false }
func (judgeNothing) Answer(port.Inquiry) port.Reply       { return port.Reply{} }

// testTransports is the transports of the members a and b, and where b is.
func testTransports(t *testing.T) (a, b *serialTransport, at raft.ServerAddress) {
	t.Helper()
	la, lb := listen(t), listen(t)
	peers := map[string]string{"a": la.Addr().String(), "b": lb.Addr().String()}
	open := func(id string, l net.Listener) *serialTransport {
		fatal := func(err error) { t.Error(err) }
		watch := health.NewWatchdog(time.Minute, health.NewRunClock(time.Second), testFitness(), fatal)
		mem, err := memory.Open(t.TempDir(), watch, fatal)
		if err != nil {
			t.Fatal(err)
		}
		p := port.New(l, port.Self{Name: id, Cluster: "01"}, judgeNothing{}, slog.New(slog.DiscardHandler))
		p.Follow(peers)
		p.Start()
		p.Welcome(func(string, net.Conn, func()) {})
		trans := newTransport(p.Raft(), testFitness(), testProgress(), mem, func() health.Room { return health.Room{} }, watch, func(index uint64) uint64 { return index }, hclog.NewNullLogger())
		t.Cleanup(func() { trans.Close(); p.Close() })
		return trans
	}
	return open("a", la), open("b", lb), raft.ServerAddress(peers["b"])
}

// hashicorp/raft#695: heartbeats must reach raft's main goroutine through the
// consumer channel, not be handled on the connection's goroutine.
func TestHeartbeatsTakeTheSlowPath(t *testing.T) {
	from, to, at := testTransports(t)
	to.SetHeartbeatHandler(func(raft.RPC) { t.Error("a heartbeat took the fast path") })

	sent := make(chan error, 1)
	go func() {
		var resp raft.AppendEntriesResponse
		sent <- from.AppendEntries("b", at, &raft.AppendEntriesRequest{
			RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte("a"), Addr: []byte("a")}, Term: 1,
		}, &resp)
	}()
	select {
	case rpc := <-to.Consumer():
		rpc.Respond(&raft.AppendEntriesResponse{Success: true}, nil)
	case <-time.After(patience):
		t.Fatal("the heartbeat did not arrive")
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// hashicorp/raft#612: no pipelining.
func TestNoPipelining(t *testing.T) {
	trans, _, at := testTransports(t)
	_, err := trans.AppendEntriesPipeline("b", at)
	if !errors.Is(err, raft.ErrPipelineReplicationNotSupported) {
		t.Errorf("got %v", err)
	}
}

// Settings on which safety depends.
func TestRaftConfig(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ID = "a"
	c := raftConfig(cfg, "a", hclog.NewNullLogger())
	if err := raft.ValidateConfig(c); err != nil {
		t.Error(err)
	}
	if c.PreVoteDisabled || !c.NoSnapshotRestoreOnStart || !c.BatchApplyCh || c.NotifyCh != nil {
		t.Errorf("%+v", c)
	}
}

func TestConfigValidate(t *testing.T) {
	good := func() Config {
		c := DefaultConfig()
		c.ID, c.Dir, c.Bind = "a", "d", "127.0.0.1:7000"
		c.Peers = []roster.Peer{{ID: "a", Addr: "h1:7000"}, {ID: "b", Addr: "h2:7000"}}
		return c
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Config){
		"no directory":       func(c *Config) { c.Dir = "" },
		"not a peer":         func(c *Config) { c.ID = "z" },
		"two of one id":      func(c *Config) { c.Peers[1].ID = "a" },
		"two of one address": func(c *Config) { c.Peers[1].Addr = "h1:7000" },
		"no port":            func(c *Config) { c.Peers[1].Addr = "h2" },
		"no host":            func(c *Config) { c.Peers[1].Addr = ":7000" },
		"bad bind":           func(c *Config) { c.Bind = "7000" },
		"plain on a network": func(c *Config) { c.Bind = ":7000" },
		"long id":            func(c *Config) { c.Peers[1].ID = strings.Repeat("x", 65) },
		"too many":           func(c *Config) { c.Peers = make([]roster.Peer, 10); fill(c.Peers) },
		"short heartbeat":    func(c *Config) { c.HeartbeatTimeout = 1 },
		"election < heart":   func(c *Config) { c.ElectionTimeout = c.HeartbeatTimeout / 2 },
		"lease > heartbeat":  func(c *Config) { c.LeaderLeaseTimeout = 2 * c.HeartbeatTimeout },
		"no commit time-out": func(c *Config) { c.CommitTimeout = 0 },
		"no interval":        func(c *Config) { c.SnapshotInterval = 0 },
		"no threshold":       func(c *Config) { c.SnapshotThreshold = 0 },
		"stall < heartbeat":  func(c *Config) { c.DiskStall = time.Millisecond },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			c := good()
			spoil(&c)
			if c.Validate() == nil {
				t.Error("it passes")
			}
		})
	}
}

func fill(peers []roster.Peer) {
	for i := range peers {
		peers[i] = roster.Peer{ID: string(rune('a' + i)), Addr: "h:" + string(rune('1'+i))}
	}
}

// A main goroutine that takes nothing any more is found out, though nobody sends
// anything; one that restores a snapshot is not, and neither is one that goes on.
func TestAMainGoroutineThatHangs(t *testing.T) {
	const limit = 10 * time.Second
	take := func(b *serialTransport) {
		select {
		case <-b.Consumer():
		case <-b.closed:
		}
	}
	for name, s := range map[string]struct {
		incoming raft.RPC
		main     func(*serialTransport)
		stuck    bool
	}{
		"takes nothing":       {raft.RPC{}, func(*serialTransport) {}, true},
		"hangs in a message":  {raft.RPC{Command: &raft.AppendEntriesRequest{}}, take, true},
		"restores a snapshot": {raft.RPC{Command: &raft.InstallSnapshotRequest{}}, take, false},
		"goes on after a snapshot, and hangs": {raft.RPC{Command: &raft.InstallSnapshotRequest{}}, func(b *serialTransport) {
			take(b)
			take(b)
		}, true},
		"goes on": {raft.RPC{}, func(b *serialTransport) {
			for range int(time.Hour / knockPeriod) {
				take(b)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				clock := health.NewRunClock(limit / watchSteps)
				watch := health.NewWatchdog(limit, clock, testFitness(), func(err error) { t.Error(err) })
				b := &serialTransport{fitness: testFitness(), watch: watch, received: make(chan raft.RPC), closed: make(chan struct{}),
					room: func() health.Room { return health.Room{} }}
				defer close(b.closed)
				incoming := make(chan raft.RPC, 1)
				if s.incoming.Command != nil {
					incoming <- s.incoming
				}
				go b.receive(incoming)
				go clock.Run(ctx, watch.Check)
				go s.main(b)
				<-time.After(6 * limit)
				if what := watch.Stuck(); what != "" {
					t.Errorf("too early: %s", what)
				}
				<-time.After(limit)
				if what := watch.Stuck(); (what != "") != s.stuck {
					t.Errorf("it says %q", what)
				}
			})
		})
	}
}

// The longest time in which raft's main goroutine takes no message is measured, once.
func TestHowLongRaftIsHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trans := &serialTransport{received: make(chan raft.RPC), closed: make(chan struct{}), watch: health.NewWatchdog(time.Minute, health.NewRunClock(time.Second), testFitness(), nil)}
		for _, wait := range []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, time.Millisecond} {
			done := make(chan bool)
			go func() { done <- trans.knock() }()
			<-time.After(wait)
			<-trans.received
			<-done
		}
		if got := trans.slowest(); got != 300*time.Millisecond {
			t.Errorf("%v", got)
		}
		if got := trans.slowest(); got != 0 {
			t.Errorf("%v again", got)
		}
	})
}

// A candidate whose turn it is gives its election up, unless it has won it meanwhile.
func TestACandidateThatHasWonDoesNotStand(t *testing.T) {
	const term = 7
	for name, is := range map[string]struct {
		answer uint64 // raft's term by then
		leads  bool
	}{"in vain": {term + 1, false}, "won": {term, true}, "stood again by itself, and won": {term + 1, true}} {
		won := is.leads
		t.Run(name, func(t *testing.T) {
			trans := &serialTransport{received: make(chan raft.RPC), standing: make(chan candidacy), closed: make(chan struct{}),
				watch: health.NewWatchdog(time.Minute, health.NewRunClock(time.Second), testFitness(), nil)}
			defer close(trans.closed)
			go trans.receive(nil)
			stands := make(chan bool, 1)
			go func() { // raft's main goroutine
				for {
					select {
					case <-trans.closed:
						return
					case rpc := <-trans.received:
						switch rpc.Command.(type) {
						case *raft.RequestVoteRequest:
							rpc.Respond(&raft.RequestVoteResponse{Term: is.answer}, nil)
						case *raft.TimeoutNowRequest:
							stands <- true
						}
					}
				}
			}()
			stood := trans.Stand(t.Context(), func() standing {
				return standing{right: true, candidate: true, self: "n1", term: term, follows: func() bool { return !is.leads }}
			})
			if stood == won || len(stands) > 0 && won {
				t.Errorf("it stands: %v", stood)
			}
		})
	}
}

// What ends a candidacy puts no leader down, and ends one.
func TestWhoGivesUp(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.start(0)
	stand := func(m *Member, term uint64) bool {
		return m.transport.Stand(t.Context(), func() standing {
			return standing{right: true, candidate: true, self: m.name, term: term, follows: func() bool { return m.raft.State() == raft.Follower }}
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
