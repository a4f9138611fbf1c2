package cluster

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/transport"
)

// What hashicorp/raft is known to do wrong (DESIGN.md) is shown here on the library alone, at
// the version that go.mod names, and then once more with what keeps it from our users. When a
// version comes that does it right, the test fails and says that the defence can go.

// shown ends a test of a defect: whether it showed without its defence, and with it.
func shown(t *testing.T, without, with bool, defence string) {
	t.Helper()
	if !without {
		t.Errorf("the defect is gone from the library: %s can go, and this test", defence)
	}
	if with {
		t.Errorf("the defect shows in spite of %s", defence)
	}
}

// stage is one raft, "a", of a cluster of three. The test is the two others: it says what
// raft's protocol lets them say, in the order that it takes for a defect to show, and answers
// for them. Between them is raft's own transport.
type stage struct {
	t       *testing.T
	wires   *wires
	raft    *raft.Raft
	machine *applied
	b, c    *actor
	end     []func() // in reverse order
}

// parts is what that raft is made of; those that are nil are raft's own, in memory.
type parts struct {
	transport func(raft.StreamLayer) raft.Transport
	logs      raft.LogStore
	votes     raft.StableStore
	snapshots raft.SnapshotStore
	machine   raft.FSM
	config    func(*raft.Config)
}

// bareTransport is raft's transport as its documentation has it.
func bareTransport(streams raft.StreamLayer) raft.Transport {
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: streams, MaxPool: 3, Timeout: 10 * time.Second, Logger: hclog.NewNullLogger()})
}

// ourTransport is the transport of a member of ours that is well.
func ourTransport(t *testing.T) func(raft.StreamLayer) raft.Transport {
	return newKeepers(t).transport
}

// keepers are what a member of ours has beside raft: its fitness, and who judges it.
type keepers struct {
	t        *testing.T
	clock    *health.RunClock
	fitness  *health.Fitness
	progress *health.Progress
	watch    *health.Watchdog
	raft     atomic.Pointer[raft.Raft]
	fatal    chan error // for each, the process would have ended
}

func newKeepers(t *testing.T) *keepers {
	k := &keepers{t: t, fitness: testFitness(), clock: health.NewRunClock(100 * time.Millisecond), fatal: make(chan error, 100)}
	k.watch = health.NewWatchdog(10*time.Second, k.clock, k.fitness, k.dies)
	k.progress = health.NewProgress(4*time.Second, k.clock, k.fitness, func() bool { return k.raft.Load().State() == raft.Leader })
	k.progress.Follow([]string{"a", "b", "c"})
	return k
}

func (k *keepers) dies(err error) {
	select {
	case k.fatal <- err:
	default:
	}
}

// transport is a member's, over these streams.
func (k *keepers) transport(streams raft.StreamLayer) raft.Transport {
	mem, err := memory.Open(k.t.TempDir(), k.watch, k.dies)
	if err != nil {
		k.t.Fatal(err)
	}
	room := func() health.Room { return health.Room{} }
	return transport.New(transport.Config{
		Streams: streams, Fitness: k.fitness, Progress: k.progress, Memory: mem, Watch: k.watch,
		Room: room, Written: func(index uint64) uint64 { return index }, Logger: hclog.NewNullLogger(),
	})
}

// log is a member's log in a store.
func (k *keepers) log(store raft.LogStore, snapshots raft.SnapshotStore) *raftlog.Log {
	return &raftlog.Log{
		LogStore: store, Path: "the log", Watch: k.watch, Fatal: k.dies, Memory: forgetful{}, Configurations: raftlog.NewConfigurations(nil),
		Snapshot: func() (index, term uint64) {
			if list, err := snapshots.List(); err == nil && len(list) > 0 {
				return list[0].Index, list[0].Term
			}
			return 0, 0
		},
	}
}

// judge has the keepers look at a raft until the stage ends.
func (k *keepers) judge(s *stage) {
	k.raft.Store(s.raft)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { k.clock.Run(ctx, k.watch.Check) })
	running.Go(func() { k.clock.Every(ctx, k.progress.Look) })
	s.end = append(s.end, func() { cancel(); running.Wait() })
}

// forgetful knows of no entry that is committed.
type forgetful struct{}

func (forgetful) Committed() uint64 { return 0 }
func (forgetful) Changed()          {}

// newStage starts that raft. Whoever called close may start another one on the same parts.
func newStage(t *testing.T, p parts) *stage {
	t.Helper()
	s := &stage{t: t, wires: newWires(), machine: &applied{}}
	s.b, s.c = s.actor("b"), s.actor("c")
	if p.transport == nil {
		p.transport = bareTransport
	}
	trans := p.transport(s.wires.plug("a"))
	conf := raft.DefaultConfig()
	conf.LocalID, conf.Logger = "a", hclog.NewNullLogger()
	if p.config != nil {
		p.config(conf)
	}
	store := raft.NewInmemStore()
	p.logs, p.votes = cmp.Or[raft.LogStore](p.logs, store), cmp.Or[raft.StableStore](p.votes, store)
	p.snapshots, p.machine = cmp.Or[raft.SnapshotStore](p.snapshots, raft.NewInmemSnapshotStore()), cmp.Or[raft.FSM](p.machine, s.machine)
	if last, err := p.logs.LastIndex(); err != nil || last == 0 {
		three := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}, {ID: "b", Address: "b"}, {ID: "c", Address: "c"}}}
		if err := raft.BootstrapCluster(conf, p.logs, p.votes, p.snapshots, trans, three); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.raft, err = raft.NewRaft(conf, p.machine, p.logs, p.votes, p.snapshots, trans); err != nil {
		t.Fatal(err)
	}
	s.end = append(s.end, func() {
		if err := s.raft.Shutdown().Error(); err != nil {
			t.Error(err)
		}
		trans.(raft.WithClose).Close()
	})
	return s
}

// close ends the processes and their connections.
func (s *stage) close() {
	for _, end := range slices.Backward(s.end) {
		end()
	}
	s.wires.cut()
	s.end = nil
}

// lead waits until a leads and has heard that of a majority.
func (s *stage) lead() {
	s.t.Helper()
	for leads := range s.raft.LeaderCh() {
		if leads {
			break
		}
	}
	if err := s.raft.Barrier(0).Error(); err != nil {
		s.t.Fatal(err)
	}
}

// actor is a member that the test plays.
type actor struct {
	*raft.NetworkTransport
	name string
	gone chan struct{} // closed with the stage: what is held until then is answered

	mu     sync.Mutex
	answer func(rpc raft.RPC) // nil: it agrees to everything
}

func (s *stage) actor(name string) *actor {
	p := &actor{name: name, gone: make(chan struct{}), NetworkTransport: bareTransport(s.wires.plug(name)).(*raft.NetworkTransport)}
	var answering sync.WaitGroup
	answering.Go(func() {
		for {
			select {
			case rpc := <-p.Consumer():
				answering.Go(func() { p.take(rpc) })
			case <-p.gone:
				return
			}
		}
	})
	s.end = append(s.end, func() { close(p.gone); answering.Wait(); p.Close() })
	return p
}

// answers has the member answer otherwise from now on. What asks does not wait for what
// others asked it before.
func (p *actor) answers(answer func(raft.RPC)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *actor) take(rpc raft.RPC) {
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if answer == nil {
		answer = agree
	}
	answer(rpc)
}

// hold answers nothing until the end.
func (p *actor) hold(rpc raft.RPC) {
	<-p.gone
	rpc.Respond(nil, raft.ErrTransportShutdown)
}

// isHeartbeat tells whether a message says nothing but who leads.
func isHeartbeat(rpc raft.RPC) bool {
	a, ok := rpc.Command.(*raft.AppendEntriesRequest)
	return ok && len(a.Entries) == 0 && a.PrevLogEntry == 0
}

// hasEntries tells whether a message has entries for the log.
func hasEntries(rpc raft.RPC) bool {
	a, ok := rpc.Command.(*raft.AppendEntriesRequest)
	return ok && len(a.Entries) > 0
}

// agree is the answer of a member that is willing and has nothing against it.
func agree(rpc raft.RPC) {
	head := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}
	switch m := rpc.Command.(type) {
	case *raft.RequestPreVoteRequest:
		rpc.Respond(&raft.RequestPreVoteResponse{RPCHeader: head, Term: m.Term, Granted: true}, nil)
	case *raft.RequestVoteRequest:
		rpc.Respond(&raft.RequestVoteResponse{RPCHeader: head, Term: m.Term, Granted: true}, nil)
	case *raft.AppendEntriesRequest:
		rpc.Respond(&raft.AppendEntriesResponse{RPCHeader: head, Term: m.Term, Success: true, LastLog: m.PrevLogEntry + uint64(len(m.Entries))}, nil)
	case *raft.InstallSnapshotRequest:
		_, err := io.Copy(io.Discard, rpc.Reader)
		rpc.Respond(&raft.InstallSnapshotResponse{RPCHeader: head, Term: m.Term, Success: true}, err)
	default:
		rpc.Respond(&raft.TimeoutNowResponse{RPCHeader: head}, nil)
	}
}

func (p *actor) head() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(p.name), Addr: []byte(p.name)}
}

// append sends a's raft entries, or a heartbeat when the message says nothing but the term.
func (s *stage) append(from *actor, m raft.AppendEntriesRequest) (answer raft.AppendEntriesResponse) {
	s.t.Helper()
	m.RPCHeader = from.head()
	if err := from.AppendEntries("a", "a", &m, &answer); err != nil {
		s.t.Fatalf("%s: %v", from.name, err)
	}
	return answer
}

// ask asks a's raft for its vote.
func (s *stage) ask(from *actor, m raft.RequestVoteRequest) (granted bool) {
	s.t.Helper()
	m.RPCHeader = from.head()
	var answer raft.RequestVoteResponse
	if err := from.RequestVote("a", "a", &m, &answer); err != nil {
		s.t.Fatalf("%s: %v", from.name, err)
	}
	return answer.Granted
}

// applied is a machine that remembers what it was given.
type applied struct {
	mu      sync.Mutex
	history []string
	last    uint64        // index of the last entry
	hang    chan struct{} // it waits for this to be closed before it applies anything
}

func (m *applied) Apply(l *raft.Log) any {
	m.mu.Lock()
	hang := m.hang
	m.mu.Unlock()
	if hang != nil {
		<-hang
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.history, m.last = append(m.history, string(l.Data)), l.Index
	return nil
}

// seen is what it was given, in order.
func (m *applied) seen() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.history)
}

func (m *applied) Snapshot() (raft.FSMSnapshot, error) { return nothing{}, nil }
func (m *applied) Restore(r io.ReadCloser) error       { return r.Close() }

// nothing is a snapshot without content.
type nothing struct{}

func (nothing) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (nothing) Release()                             {}
