// Package cluster is one member of a replicated state machine: it puts opaque
// requests in one order that a majority of the members has on disk, and feeds
// them to a StateMachine. It knows nothing of what the requests mean.
//
// DESIGN.md tells how a request travels, what always holds, and what happens
// when something breaks.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/internal/logbridge"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Member is one replica. Its methods are safe for concurrent use.
//
// It owns the goroutines of awake, batcher, duties, gatherer, progress, memory,
// greet and clockWatch, which end when ctx does, and through port, peers and raft
// those of all connections and of raft.
type Member struct {
	cfg      Config
	log      *slog.Logger
	store    *storage
	replica  *replica
	queue    *queue
	batcher  *batcher
	peers    *peerServer
	port     *port
	trans    *serialTransport
	gatherer *gatherer
	clocks   *clocks
	clock    *clock
	fitness  *fitness
	awake    *runClock
	progress *progress
	lag      *lag
	absences *absences
	raft     *raft.Raft
	failure  *failure
	observer []*raft.Observer

	greeted   chan struct{} // closed when the others know of this start, or do not answer
	condemned atomic.Bool   // this member must not come back

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup // awake, batcher, duties, gatherer, progress, memory, greet, clockWatch

	stopping sync.Once
	stopErr  error
	stopped  chan struct{} // closed when nothing is answered any more
}

// Open starts a member on its data directory, which it makes on the first
// start. The members of a cluster may be started in any order. When Open
// returns the member follows the cluster; Ready tells when it can serve.
//
// The state machine belongs to the caller, who closes it after Shutdown.
func Open(cfg Config, sm StateMachine) (*Member, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Member{cfg: cfg, log: cfg.Logger, queue: newQueue(), failure: &failure{then: cfg.Fatal}, greeted: make(chan struct{}), stopped: make(chan struct{})}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.fitness = newFitness(m.log, cfg.ElectionTimeout)
	m.clocks = newClocks(cfg)
	m.clock = newClock(m.clocks)
	err := m.open(sm)
	if first := m.failure.arm(); first != nil {
		err = first // the cause, of which raft only says that it panics
	}
	if err != nil {
		m.release()
		return nil, err
	}
	m.start()
	return m, nil
}

// open opens everything, in the order in which one needs the other. What it
// opened before an error is released by the caller.
func (m *Member) open(sm StateMachine) (err error) {
	m.awake = newRunClock(min(m.cfg.DiskStall/watchSteps, m.cfg.HeartbeatTimeout/2))
	m.progress = newProgress(m.cfg, m.awake, m.fitness)
	watch := newWatchdog(m.cfg.DiskStall, m.awake, m.fitness, m.fatal)
	m.replica = newReplica(m.ctx, sm, watch, m.fatal)
	if m.store, err = openStorage(m.cfg, watch, m.fatal); err != nil {
		return err
	}
	if err := m.store.reconcile(m.cfg, m.replica); err != nil {
		return err
	}
	hclog := logbridge.New(m.log)
	conf := raftConfig(m.cfg, hclog)
	past := memberPast{&standing{memory: m.store.memory, logs: m.store.logs}, m}
	if m.port, err = openPort(m.cfg, past, m.log); err != nil {
		return err
	}
	// From here on nothing fails that an operator would have to mend first, so
	// that tries in vain take no numbers; and nobody has been talked to.
	if err := m.store.begin(m.cfg); err != nil {
		return err
	}
	past.starts = m.store.starts
	if err := m.store.bootstrap(m.cfg, conf); err != nil {
		return err
	}
	m.running.Go(func() { m.awake.run(m.ctx, watch.check) })
	m.trans = newTransport(m.port, m.fitness, m.progress, m.store.memory, hclog)
	err = guarded(func() (err error) {
		m.raft, err = raft.NewRaft(conf, m.replica, m.store.logs, m.store.votes, m.store.snapshots, m.trans)
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("cluster: starting raft: %w", err), m.trans.Close())
	}
	m.store.memory.attach(m.raft)
	return nil
}

// start sets the member's own goroutines going.
func (m *Member) start() {
	m.lag = &lag{
		limit:   m.progress.limit,
		clock:   m.awake,
		leader:  m.otherLeader,
		commit:  m.committed,
		applied: m.replica.applied.get,
	}
	m.absences = newAbsences(m.cfg, m.log, m.awake, func() bool { _, ok := m.Leader(); return ok })
	m.progress.leads = func() bool { return m.raft.State() == raft.Leader }
	m.peers = newPeerServer(m.queue, m.IsLeader, m.answerStatus, m.log)
	m.batcher = &batcher{
		queue:   m.queue,
		raft:    m.raft,
		replica: m.replica,
		clock:   m.clock,
		fitness: m.fitness,
		self:    m.cfg.ID,
		leader:  m.Leader,
		lines:   dialer{connect: m.connect, dialled: make(chan dialled)},
		grace:   leaderlessGrace * m.cfg.ElectionTimeout,
		changed: m.observe(),
		freed:   make(chan struct{}, 1),
		lag:     m.lag,
		flights: make(chan struct{}, maxEntriesInFlight),
	}
	m.fitness.inFlight(func() int { return len(m.batcher.flights) })
	duties := &duties{
		queue:   m.queue,
		replica: m.replica,
		clock:   m.clock,
		leads:   func() (uint64, bool) { return m.raft.CurrentTerm(), m.IsLeader() },
		changed: m.observe(),
	}
	m.gatherer = &gatherer{
		connect:  m.connect,
		absences: m.absences,
		clocks:   m.clocks,
		news:     func() { poke(m.batcher.freed) }, // it may wait for the clocks
		heard:    map[string]MemberStatus{},
	}
	watch := &clockWatch{clocks: m.clocks, fitness: m.fitness, log: m.log, led: m.led}
	m.running.Go(func() { watch.run(m.ctx) })
	m.running.Go(func() { m.gatherer.run(m.ctx, m.cfg.others()) })
	m.running.Go(func() { m.store.memory.run(m.ctx) })
	m.running.Go(func() { m.batcher.run(m.ctx) })
	m.running.Go(func() { duties.run(m.ctx) })
	m.running.Go(func() { m.progress.run(m.ctx, func() { m.lag.look(); m.absences.look() }) })
	m.port.start(m.peers.serve)
	m.running.Go(m.greet)
}

// connect opens a connection of the peer protocol.
func (m *Member) connect(ctx context.Context, to string) (net.Conn, error) {
	return m.port.dial(ctx, to, forPeers)
}

// observe returns a channel that holds a token whenever the role of this member,
// the leader it knows or its fitness to lead may have changed. raft never waits for it.
func (m *Member) observe() chan raft.Observation {
	ch := make(chan raft.Observation, 1)
	o := raft.NewObserver(ch, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.RaftState, raft.LeaderObservation:
			return true
		}
		return false
	})
	m.raft.RegisterObserver(o)
	m.observer = append(m.observer, o)
	m.fitness.watch(ch)
	return ch
}

// Leader is the member that leads, as far as this member knows.
func (m *Member) Leader() (id string, ok bool) {
	if m.IsLeader() {
		return m.cfg.ID, true
	}
	_, leader := m.raft.LeaderWithID()
	// Between two roles raft still names this member, though it does not lead.
	if leader == "" || string(leader) == m.cfg.ID {
		return "", false
	}
	return string(leader), true
}

// otherLeader is the member that leads, if it is another one.
func (m *Member) otherLeader() (id string, ok bool) {
	id, ok = m.Leader()
	return id, ok && id != m.cfg.ID
}

// committed is the last entry that is known to be committed, here or by the
// leader; ok is false when that does not say.
func (m *Member) committed(leader string) (entry uint64, ok bool) {
	s := m.gatherer.status(leader)
	return max(m.raft.CommitIndex(), s.Commit), s.Role != RoleUnreachable
}

// IsLeader tells whether this member leads, as far as it knows, and may go on.
func (m *Member) IsLeader() bool { return m.raft.State() == raft.Leader && m.fitness.fit() }

// Ready returns nil when this member can serve, else an ErrNotReady that says
// why it cannot: because it has failed, must not lead, knows no leader, or its
// state is behind.
func (m *Member) Ready() error {
	if err := m.failure.get(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	select {
	case <-m.ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotReady, outcome.ShuttingDown)
	default:
	}
	if why := m.fitness.why(); len(why) > 0 {
		return fmt.Errorf("%w: it must not lead: %s", ErrNotReady, strings.Join(why, "; "))
	}
	if _, ok := m.Leader(); !ok {
		return fmt.Errorf("%w: %w: it %v", ErrNotReady, outcome.NoLeader, m.absences)
	}
	if _, ok := m.Now(); !ok {
		return fmt.Errorf("%w: it does not know the clocks of a majority of the members", ErrNotReady)
	}
	// A member that has just started learns the commit index with the first
	// entry from the leader.
	commit, applied := m.raft.CommitIndex(), m.replica.applied.get()
	if commit == 0 || applied+maxReadyLag < commit {
		return fmt.Errorf("%w: its state is at entry %d of %d", ErrNotReady, applied, commit)
	}
	select {
	case <-m.greeted:
	default:
		return fmt.Errorf("%w: it has not met the others yet", ErrNotReady)
	}
	if why := m.lag.reason(); why != "" {
		return fmt.Errorf("%w: %s", ErrNotReady, why)
	}
	return nil
}

// Now is the time, in unix microseconds, that the next entry would carry if this
// member led; false while it does not know the clocks of a majority.
func (m *Member) Now() (micros int64, ok bool) {
	machine, _ := m.replica.schedule()
	return m.clock.now(machine)
}

// led tells whether a leader is known, be it one that must not lead.
func (m *Member) led() bool {
	_, leader := m.raft.LeaderWithID()
	return leader != ""
}

// Snapshot takes a snapshot of the state now and cuts the log behind it.
func (m *Member) Snapshot(ctx context.Context) error {
	taken := make(chan error, 1)
	go func() { taken <- m.raft.Snapshot().Error() }() // ends with raft at the latest
	select {
	case err := <-taken:
		if errors.Is(err, raft.ErrNothingNewToSnapshot) {
			return nil
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// LastContact is how long ago the leader was heard, negative for never.
func (m *Member) LastContact() time.Duration {
	at := m.raft.LastContact()
	switch {
	case m.raft.State() == raft.Leader:
		return 0
	case at.IsZero():
		return -1
	}
	return time.Since(at)
}
