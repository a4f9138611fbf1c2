// Package cluster is one member of a replicated state machine: it puts opaque
// requests in one order that a majority of the members has on disk, and feeds
// them to a StateMachine. It knows nothing of what the requests mean.
//
// Its parts are packages below it, each of one idea: a request waits in queue, becomes an entry
// in groupcommit, is applied by replica; members talk through port, transport, peer and status;
// what is on disk is in raftlog, snapshot, memory and datadir; who the members are, and how that
// changes, in roster, membership and reconfig. Here they are put together.
//
// DESIGN.md has the table of them. It tells how a request travels, what always holds, and what
// happens when something breaks.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/events"
	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/peer"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/reconfig"
	"github.com/bpsc/bpsc/cluster/replica"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/cluster/transport"
	"github.com/bpsc/bpsc/internal/latency"
	"github.com/bpsc/bpsc/internal/logbridge"
)

// Member is one replica. Its methods are safe for concurrent use.
//
// Open sets all fields before the goroutines that read them start; raft's own and the
// port's begin before raft is set, and what they ask for waits until it is attached to
// the memory. After Open only what is of a type that is safe for concurrent use
// changes, and stopErr, which stopping guards.
//
// Goroutines counted in running end with ctx: one each for the running time (and the
// watchdog), for the health that it does not judge, the batcher, the ticker, the
// gatherer, the roster, the succession, the time-outs, the promoter, the memory, the clock, the room on the disk, the size of the log
// and the first greeting. Those of connections are
// the port's, raft has its own, and each entry in flight has one that waits for raft.
type Member struct {
	cfg        Config
	name       string   // its identity
	lost       []string // identities that a recovery has left behind
	log        *slog.Logger
	store      *storage
	replica    *replica.Replica
	queue      *queue.Queue
	batcher    *groupcommit.Batcher
	refused    refusals
	peers      *peer.Server
	port       *port.Port
	transport  *transport.Transport
	gatherer   *status.Gatherer
	clocks     *clock.Majority
	clock      *clock.Stamper
	fitness    *health.Fitness
	uptime     *health.RunClock
	watchdog   *health.Watchdog
	progress   *health.Progress
	lag        *health.Lag
	absences   *health.Absences
	roster     *roster.Roster
	succession *succession
	changer    *reconfig.Changer
	raft       *raft.Raft
	failure    *failure
	observer   []*raft.Observer
	turns      turns
	events     *events.Log
	began      time.Time
	writes     *latency.Recent // to the log

	settled   atomic.Uint64 // the last term in which it led and applied an entry of its own
	serving   chan struct{} // closed when all of the above is there
	greeted   chan struct{} // closed when the others know of this start, or do not answer
	condemned atomic.Bool   // this member must not come back
	makingWay atomic.Bool   // leadership is being handed over
	asking    chan struct{} // one token for each change that this member waits for
	damaged   chan struct{} // has one when a snapshot turned out damaged

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	stopping sync.Once
	stopErr  error
	stopped  chan struct{} // closed when nothing is answered any more
}

// Open starts a member on its data directory, which it makes on the first
// start. The members of a cluster may be started in any order. When Open
// returns the member follows the cluster; Ready tells when it can serve.
//
// The state machine belongs to the caller, who closes it after Shutdown.
func Open(cfg Config, sm replica.StateMachine) (*Member, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Member{cfg: cfg, log: cfg.Logger, began: time.Now(), events: events.New(cfg.ID), queue: queue.New(), failure: &failure{then: cfg.Fatal}, serving: make(chan struct{}), asking: make(chan struct{}, maxChanges), greeted: make(chan struct{}), stopped: make(chan struct{}), damaged: make(chan struct{}, 1)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.fitness = health.NewFitness(m.log, cfg.ElectionTimeout)
	m.clocks = clock.NewMajority(cfg.ClockBound, cfg.wall)
	m.clock = clock.NewStamper(m.clocks)
	err := m.open(sm)
	if first := m.failure.arm(); first != nil {
		err = first // the cause, of which raft only says that it panics
	}
	if err != nil {
		m.release()
		return nil, err
	}
	m.events.Started()
	m.start()
	return m, nil
}

// open opens everything, in the order in which one needs the other. What it
// opened before an error is released by the caller.
func (m *Member) open(sm replica.StateMachine) (err error) {
	m.uptime = health.NewRunClock(min(m.cfg.DiskStall/watchSteps, m.cfg.HeartbeatTimeout/2))
	m.progress = health.NewProgress(m.stallLimit(), m.uptime, m.fitness, func() bool { return m.raft.State() == raft.Leader })
	watch := health.NewWatchdog(m.cfg.DiskStall, m.uptime, m.fitness, m.fatal)
	m.watchdog = watch
	m.replica = replica.New(m.ctx, sm, watch, m.fatal)
	opening := time.Now()
	if m.store, err = openStorage(m.cfg, watch, m.fatal); err != nil {
		return err
	}
	opened := time.Since(opening)
	if err := m.store.reconcile(m.replica); err != nil {
		return err
	}
	m.replica.Members, m.replica.Written = m.store.members, m.store.ahead.Await
	m.replica.Installed = m.events.Installed
	m.store.snapshots.Added = func(meta snapshot.Meta) { m.events.Snapshot(meta.Index) }
	m.store.snapshots.Damaged = m.noteDamaged
	m.store.snapshots.Check = func(state string, of snapshot.Meta) error { return sm.Check(m.ctx, state, of.Index, of.Reach) }
	m.writes = latency.NewRecent(&m.store.took, recentWrites)
	if m.lost, err = lost(m.cfg.Dir); err != nil {
		return err
	}
	listener, err := m.cfg.listen()
	if err != nil {
		return err
	}
	own := m.store.dir.Identity()
	m.port = port.New(listener, port.Self{Name: string(own.Name()), Cluster: own.Cluster, Security: m.cfg.Security, Dialer: m.cfg.dialer}, judge{m.store.memory, m}, m.log)
	m.port.Start()
	if err := m.firstStart(); err != nil {
		return err
	}
	m.name = string(m.store.dir.Identity().Name())
	hclog := logbridge.New(m.log)
	conf := raftConfig(m.cfg, m.name, hclog)
	// From here on nothing fails that an operator would have to mend first, so
	// that tries in vain take no numbers; and nobody has been talked to.
	if err := m.store.memory.Begin(); err != nil {
		return err
	}
	if err := m.store.bootstrap(m.cfg, conf); err != nil {
		return err
	}
	m.running.Go(func() { m.uptime.Run(m.ctx, watch.Check) })
	m.transport = transport.New(transport.Config{
		Streams: m.port.Raft(), Fitness: m.fitness, Progress: m.progress, Memory: m.store.memory, Watch: watch,
		Room: m.room, Written: m.store.ahead.Written, Refused: m.noteDamaged, Logger: hclog,
	})
	m.replica.Announce = m.transport.Applied
	m.running.Go(func() { m.replica.Prepare(m.ctx) })
	applied, scanning := sm.AppliedIndex(), time.Now()
	first, err := m.store.logs.FirstIndex()
	if err != nil {
		return errors.Join(err, m.transport.Close())
	}
	err = raftlog.Guard(func() (err error) {
		m.raft, err = raft.NewRaft(conf, m.replica, m.replica.Preparing(m.store.logs), m.store.votes, m.store.snapshots, m.transport)
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("cluster: starting raft: %w", err), m.transport.Close())
	}
	// Whoever waits for a member that starts wants to know what it was about.
	m.log.Info("the log is read", "first", first, "last", m.raft.LastIndex(), "applied", applied, "opening", opened, "reading", time.Since(scanning))
	leads := func() bool { return m.raft.State() == raft.Leader }
	m.store.ahead.Begin(leads)
	m.transport.Begin(leads)
	m.running.Go(func() { m.transport.Announce(m.ctx, leads, m.cfg.CommitTimeout) })
	m.hear(m.turns.count)
	m.hear(func(o *raft.Observation) { m.events.Turn(o, m.raft.CurrentTerm()) })
	m.store.members.Scanned()
	m.store.memory.Attach(written{m.raft, m.store.ahead}, m.name, m.store.sum)
	return nil
}

// start sets the member's own goroutines going.
func (m *Member) start() {
	m.lag = health.NewLag(m.stallLimit(), m.uptime, observed{m})
	m.absences = health.NewAbsences(m.log, m.cfg.leaderGrace(), m.uptime, func() bool { _, ok := m.Leader(); return ok })
	m.peers = peer.NewServer(m.queue, m.IsLeader, m.answerStatus, m.answerChange, m.log)
	m.refused = refusals{limit: 2*m.cfg.ElectionTimeout + transport.Timeout}
	m.batcher = groupcommit.NewBatcher(groupcommit.BatcherConfig{
		Self:    m.name,
		Queue:   m.queue,
		Log:     m.raft,
		Machine: m.replica,
		Clock:   m.clock,
		Fitness: m.fitness,
		Lag:     m.lag,
		Room:    m.room,
		Leader:  m.leader,
		Dialer:  peer.NewDialer(m.port.Dial),
		Grace:   m.cfg.leaderGrace(),
		Changed: m.observe(),
		Told: func(err error) {
			if m.refused.note(err, time.Now()) {
				m.stuck()
			}
		},
	})
	m.fitness.InFlight(m.batcher.InFlight)
	ticker := groupcommit.NewTicker(groupcommit.TickerConfig{
		Queue:   m.queue,
		Machine: m.replica,
		Clock:   m.clock,
		Leads:   func() (uint64, bool) { return m.raft.CurrentTerm(), m.IsLeader() },
		Changed: m.observe(),
		Moved:   m.replica.Changed,
		Settled: m.settled.Store,
	})
	m.succession = newSuccession(m)
	m.gatherer = status.NewGatherer(m.ctx, status.Config{
		Connect:  m.port.Dial,
		Absences: m.absences,
		Clocks:   m.clocks,
		Last:     m.raft.LastIndex,
		News:     m.batcher.Look, // it may wait for the clocks
		Lost:     m.succession.alarm,
		Told:     m.events.Presence,
	})
	m.roster = roster.New(roster.Config{
		Self:    m.name,
		Found:   m.store.members,
		Final:   m.replica.Configured,
		Applied: m.replica.Applied,
		Changed: m.follow,
		Settled: m.forget,
		Differs: m.events.Members,
		Removed: m.cfg.Removed,
		Expelled: func(last Configuration) {
			m.fatal(fmt.Errorf("%w: entry %d", ErrRemoved, last.Index))
		},
	})
	m.changer = reconfig.New(reconfig.Config{
		Self:         m.name,
		Raft:         m.raft,
		Members:      m.store.members,
		Latest:       m.roster.Latest,
		Gatherer:     m.gatherer,
		Applied:      m.replica,
		Log:          m.log,
		Folder:       m.store.dir.Identity,
		Inquire:      m.port.Inquire,
		Leads:        m.IsLeader,
		Transfer:     m.transfer,
		Barred:       m.isBarred,
		Release:      m.about,
		MayVote:      m.cfg.MayVote,
		Settled:      m.cfg.Settled,
		PromoteLag:   m.cfg.PromoteLag,
		PromoteAfter: m.cfg.PromoteAfter,
	})
	watch := clock.NewWatch(m.clocks, m.fitness, m.led, m.log)

	// All fields are set. From here on others read them.
	m.running.Go(func() { watch.Run(m.ctx) })
	m.running.Go(func() { m.watchRoom(m.ctx) })
	m.running.Go(func() { m.keepLogSmall(m.ctx) })
	m.running.Go(func() { m.renewSnapshots(m.ctx) })
	m.running.Go(m.gatherer.Run)
	m.running.Go(func() { m.changer.Promote(m.ctx) })
	m.roster.Look()
	m.compareFlags()
	m.running.Go(func() { m.roster.Run(m.ctx) })
	m.running.Go(func() { m.succession.run(m.ctx) })
	m.running.Go(func() { m.judgeTiming(m.ctx) })
	m.running.Go(func() { m.store.memory.Run(m.ctx) })
	m.running.Go(func() { m.batcher.Run(m.ctx) })
	m.running.Go(func() { ticker.Run(m.ctx) })
	m.running.Go(func() {
		m.uptime.Every(m.ctx, func() { m.progress.Look(); m.lag.Look(); m.absences.Look() })
	})
	close(m.serving)
	m.port.Welcome(func(from string, conn net.Conn, known func()) {
		m.gatherer.Hears(from)
		m.peers.Serve(from, conn, known)
	})
	m.running.Go(func() { m.greetOthers(greetTimeout); close(m.greeted) })
}

// observe returns a channel that holds a token whenever the role of this member,
// the leader it knows or its fitness to lead may have changed. Nobody waits for it.
func (m *Member) observe() chan struct{} {
	ch := make(chan struct{}, 1)
	m.hear(func(o *raft.Observation) {
		switch o.Data.(type) {
		case raft.RaftState, raft.LeaderObservation:
			signal(ch)
		}
	})
	m.fitness.Watch(func() { signal(ch) })
	return ch
}

// hear has raft tell what it observes, until this member stops.
func (m *Member) hear(of func(*raft.Observation)) {
	o := raft.NewObserver(nil, false, func(o *raft.Observation) bool {
		of(o)
		return false
	})
	m.raft.RegisterObserver(o)
	m.observer = append(m.observer, o)
}

// stallLimit is how long entries may take to get through, be applied or be
// answered, before this member says that they do not.
func (m *Member) stallLimit() time.Duration { return stallTimeouts * m.cfg.ElectionTimeout }
