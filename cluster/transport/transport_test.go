package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/port"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// patience is how long a test waits for something that should happen.
const patience = 20 * time.Second

func testFitness() *health.Fitness {
	return health.NewFitness(slog.New(slog.DiscardHandler), time.Second)
}

func testProgress() *health.Progress {
	return health.NewProgress(time.Second, health.NewRunClock(time.Millisecond), testFitness(), func() bool { return true })
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
func testTransports(t *testing.T) (a, b *Transport, at raft.ServerAddress) {
	t.Helper()
	la, lb := listen(t), listen(t)
	peers := map[string]string{"a": la.Addr().String(), "b": lb.Addr().String()}
	open := func(id string, l net.Listener) *Transport {
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
		trans := New(Config{
			Streams: p.Raft(), Fitness: testFitness(), Progress: testProgress(), Memory: mem, Watch: watch,
			Room: func() health.Room { return health.Room{} }, Written: func(index uint64) uint64 { return index }, Logger: hclog.NewNullLogger(),
		})
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

// A main goroutine that takes nothing any more is found out, though nobody sends
// anything; one that restores a snapshot is not, and neither is one that goes on.
func TestAMainGoroutineThatHangs(t *testing.T) {
	const limit = 10 * time.Second
	take := func(b *Transport) {
		select {
		case <-b.Consumer():
		case <-b.closed:
		}
	}
	for name, s := range map[string]struct {
		incoming raft.RPC
		main     func(*Transport)
		stuck    bool
	}{
		"takes nothing":       {raft.RPC{}, func(*Transport) {}, true},
		"hangs in a message":  {raft.RPC{Command: &raft.AppendEntriesRequest{}}, take, true},
		"restores a snapshot": {raft.RPC{Command: &raft.InstallSnapshotRequest{}}, take, false},
		"goes on after a snapshot, and hangs": {raft.RPC{Command: &raft.InstallSnapshotRequest{}}, func(b *Transport) {
			take(b)
			take(b)
		}, true},
		"goes on": {raft.RPC{}, func(b *Transport) {
			for range int(time.Hour / knockPeriod) {
				take(b)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				clock := health.NewRunClock(limit / 40)
				watch := health.NewWatchdog(limit, clock, testFitness(), func(err error) { t.Error(err) })
				b := &Transport{cfg: Config{Fitness: testFitness(), Watch: watch, Room: func() health.Room { return health.Room{} }},
					received: make(chan raft.RPC), closed: make(chan struct{})}
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
		trans := &Transport{received: make(chan raft.RPC), closed: make(chan struct{}), cfg: Config{Watch: health.NewWatchdog(time.Minute, health.NewRunClock(time.Second), testFitness(), nil)}}
		for _, wait := range []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, time.Millisecond} {
			done := make(chan bool)
			go func() { done <- trans.knock() }()
			<-time.After(wait)
			<-trans.received
			<-done
		}
		if got := trans.Slowest(); got != 300*time.Millisecond {
			t.Errorf("%v", got)
		}
		if got := trans.Slowest(); got != 0 {
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
			trans := &Transport{received: make(chan raft.RPC), standing: make(chan candidacy), closed: make(chan struct{}),
				cfg: Config{Watch: health.NewWatchdog(time.Minute, health.NewRunClock(time.Second), testFitness(), nil)}}
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
			stood := trans.Stand(t.Context(), func() Standing {
				return Standing{Right: true, Candidate: true, Self: "n1", Term: term, Follows: func() bool { return !is.leads }}
			})
			if stood == won || len(stands) > 0 && won {
				t.Errorf("it stands: %v", stood)
			}
		})
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
	stand := func(now Standing) {
		go func() { stood <- b.Stand(t.Context(), func() Standing { return now }) }()
	}
	stand(Standing{Right: true, Term: 4})
	if got, ok := handed().(*raft.TimeoutNowRequest); !ok || !<-stood {
		t.Fatalf("got %T", got)
	}
	stand(Standing{Right: true, Candidate: true, Self: "b", Term: 4, Follows: func() bool { return true }})
	if got, ok := handed().(*raft.RequestVoteRequest); !ok || got.Term != 5 || got.LastLogIndex != 0 || string(got.ID) != "b" {
		t.Fatalf("got %+v", got)
	}
	if got, ok := handed().(*raft.TimeoutNowRequest); !ok || !<-stood {
		t.Fatalf("got %T", got)
	}
	stand(Standing{Right: false, Candidate: true, Self: "b", Term: 4})
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
