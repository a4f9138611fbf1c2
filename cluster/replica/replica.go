// Package replica applies what is committed: it is the state machine as raft sees it, and raft
// as the state machine sees it. Each entry is applied once, in order; how far that has come
// others ask and wait for here. An entry may be prepared while it is being written.
package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/latency"
)

// Replica is the raft.FSM: it turns committed log entries into calls of the
// StateMachine and nothing else. What is exported of its fields is set before raft runs, and
// nil where nobody asks.
//
// raft calls ApplyBatch, Snapshot and Restore from one goroutine, which owns
// machine, told and broken; only Persist runs beside Apply, and calls Snapshot and
// nothing else of the machine. What others want to know of the machine, publish
// copies: time and due, which mu guards, and applied. begun is at or ahead of
// what the machine holds, applied at or behind it.
type Replica struct {
	// Members is every configuration that the log has.
	Members *raftlog.Configurations
	// Written waits until the log is on this member's disk up to an index; nil: it is.
	Written func(ctx context.Context, index uint64) error
	// Announce is told what was applied.
	Announce func(index uint64)
	// Installed is told up to which entry a snapshot of the leader's reaches that has
	// taken the place of the machine's state.
	Installed func(index uint64)

	// Configured gets a token when an entry with a configuration was applied, which is
	// final then.
	Configured chan struct{}
	// Changed gets one when the machine's time, or when it is due, may have moved.
	Changed chan struct{}
	// Took is how long it took to apply an entry.
	Took latency.Histogram

	machine     StateMachine
	preparation *preparation // nil: machine prepares nothing
	told        bool         // the machine knows the configuration that is in force
	broken      bool         // after a fatal error nothing is applied any more
	watch       *health.Watchdog
	fatal       func(error)
	ctx         context.Context // ends a snapshot, and a wait, when the member stops

	applied appliedIndex
	begun   atomic.Uint64 // the last entry of the batch being applied, or applied

	mu   sync.Mutex
	time int64 // machine time after the last entry
	due  int64 // when the machine wants a tick; math.MaxInt64 for never
}

var _ raft.BatchingFSM = (*Replica)(nil)

// New is the replica of a machine. Its snapshots, and its waits, end with ctx.
func New(ctx context.Context, machine StateMachine, watch *health.Watchdog, fatal func(error)) *Replica {
	r := &Replica{
		machine: machine, preparation: newPreparation(machine), watch: watch, fatal: fatal, ctx: ctx,
		Changed: make(chan struct{}, 1), Configured: make(chan struct{}, 1),
	}
	r.publish()
	return r
}

// Machine is the state machine. But for Check and Snapshot it is the replica's to call while
// raft runs.
func (r *Replica) Machine() StateMachine { return r.machine }

// Broken tells whether something fatal has happened, after which nothing is applied any more.
// It is for whoever applies entries without raft.
func (r *Replica) Broken() bool { return r.broken }

// Prepare prepares entries, where the machine can, until ctx ends.
func (r *Replica) Prepare(ctx context.Context) {
	if r.preparation != nil {
		r.preparation.run(ctx)
	}
}

// Preparing is a log whose entries are prepared while they are written.
func (r *Replica) Preparing(logs raft.LogStore) raft.LogStore {
	return preparedLog{logs, r.preparation}
}

// Applied is the index of the last entry in the state machine.
func (r *Replica) Applied() uint64 { return r.applied.get() }

// WaitApplied returns once the entry of that index is in the state machine, or the context's
// error.
func (r *Replica) WaitApplied(ctx context.Context, index uint64) error {
	return r.applied.wait(ctx, index)
}

// Waiting is how many wait for an entry to be applied.
func (r *Replica) Waiting() int { return r.applied.waiting() }

// ApplyBatch implements raft.BatchingFSM. The response to an entry is the
// machine's function for its results, or nil when it was not applied here.
func (r *Replica) ApplyBatch(logs []*raft.Log) []any {
	responses := make([]any, len(logs))
	last := logs[len(logs)-1].Index
	if err := r.await(last); err != nil {
		return responses // nothing of it is applied: the member ends
	}
	r.begun.Store(last)
	r.introduce()
	final := false
	for i, l := range logs {
		if r.broken || l.Index <= r.machine.AppliedIndex() {
			continue
		}
		result, err := r.apply(l)
		if err != nil {
			r.broken = true
			r.fatal(fmt.Errorf("cluster: log entry %d: %w", l.Index, err))
			continue
		}
		responses[i] = result
		final = final || l.Type == raft.LogConfiguration
	}
	r.publish()
	if final {
		signal(r.Configured) // whoever looks finds it applied
	}
	return responses
}

// await waits until the entries up to an index are on this member's disk, which raft takes
// for granted where it leads (raftlog.Ahead).
func (r *Replica) await(index uint64) error {
	if r.broken || r.Written == nil {
		return nil
	}
	defer r.watch.End(r.watch.Begin(health.ApplyTask, "waiting for the log to be on the disk"))
	err := r.Written(r.ctx, index)
	r.broken = err != nil // whoever writes has called fatal, unless this member stops
	return err
}

// Apply implements raft.FSM; raft uses ApplyBatch instead.
func (r *Replica) Apply(l *raft.Log) any { return r.ApplyBatch([]*raft.Log{l})[0] }

func (r *Replica) apply(l *raft.Log) (result func(int) []byte, err error) {
	defer r.watch.End(r.watch.Begin(health.ApplyTask, "applying an entry"))
	if l.Type == raft.LogConfiguration {
		// raft counts it in a snapshot's index, and the machine must not seem to be
		// behind its own snapshot.
		return nil, r.configure(raftlog.Configured{Index: l.Index, Servers: raft.DecodeConfiguration(l.Data).Servers})
	}
	began := time.Now()
	defer func() { r.Took.Observe(time.Since(began)) }()
	if p := r.preparation.take(l); p != nil {
		return r.preparation.machine.ApplyPrepared(l.Index, p.entry.Micros, p.entry.Requests, p.ahead)
	}
	e, err := entry.Decode(l.Data)
	if err != nil {
		return nil, err
	}
	return r.machine.Apply(l.Index, e.Micros, e.Requests)
}

// introduce tells the machine, before anything else, who the members are: it may be
// from before machines were told.
func (r *Replica) introduce() {
	if r.told {
		return
	}
	r.told = true
	c, there := r.Members.At(r.machine.AppliedIndex())
	if !there {
		return // nothing is applied yet
	}
	if err := r.configure(c); err != nil {
		r.broken = true
		r.fatal(fmt.Errorf("cluster: members as of entry %d: %w", c.Index, err))
	}
}

// configure tells the machine who the members are.
func (r *Replica) configure(c raftlog.Configured) error {
	var voters, nonVoters []string
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			voters = append(voters, string(s.ID))
		} else {
			nonVoters = append(nonVoters, string(s.ID))
		}
	}
	return r.machine.Configure(c.Index, voters, nonVoters)
}

// publish makes what the machine shows visible to other goroutines.
func (r *Replica) publish() {
	due, ok := r.machine.NextDue()
	if !ok {
		due = math.MaxInt64
	}
	r.mu.Lock()
	r.time, r.due = r.machine.Time(), due
	r.mu.Unlock()
	r.applied.advance(r.machine.AppliedIndex())
	if r.Announce != nil {
		r.Announce(r.machine.AppliedIndex())
	}
	signal(r.Changed)
}

// Schedule returns the machine's time and when it is due next.
func (r *Replica) Schedule() (now, due int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.time, r.due
}

// Snapshot implements raft.FSM. It costs nothing: the work is in Persist, which
// runs beside Apply.
func (r *Replica) Snapshot() (raft.FSMSnapshot, error) {
	if r.broken {
		return nil, errors.New("the state machine failed")
	}
	return persister{r}, nil
}

// Restore implements raft.FSM: raft has stored a snapshot that the leader sent,
// and the machine takes its state from that directory.
func (r *Replica) Restore(source io.ReadCloser) error {
	for {
		wrapped, ok := source.(raft.ReadCloserWrapper)
		if !ok {
			break
		}
		source = wrapped.WrappedReadCloser()
	}
	taken, ok := source.(*snapshot.Reader)
	if !ok {
		return fmt.Errorf("cluster: cannot restore from a %T", source)
	}
	var err error
	if at := r.machine.AppliedIndex(); taken.Reach < at {
		err = fmt.Errorf("cluster: %w: the leader's snapshot ends with entry %d, and entries up to %d are applied", datadir.ErrDiverged, taken.Reach, at)
	} else {
		err = r.RestoreFrom(taken.State, taken.Index)
	}
	if err == nil {
		r.Members.Restored(&taken.Meta)
		r.told = false
		r.introduce()
		r.publish()
		signal(r.Configured)
		if r.Installed != nil {
			r.Installed(taken.Index)
		}
	}
	if err != nil {
		r.broken = true
		r.fatal(err)
	}
	return err
}

// RestoreFrom replaces the machine's state by that in dir, of a snapshot taken at
// index. When that fails the machine may hold anything.
func (r *Replica) RestoreFrom(dir string, index uint64) error {
	err := r.machine.Restore(dir)
	if at := r.machine.AppliedIndex(); err == nil && at < index {
		err = fmt.Errorf("it holds entries up to %d, the snapshot up to %d", at, index)
	}
	if err != nil {
		return fmt.Errorf("cluster: restoring %s: %w", dir, err)
	}
	r.publish()
	return nil
}

// persister implements raft.FSMSnapshot.
type persister struct{ replica *Replica }

// Persist lets the machine write its state straight into the snapshot.
func (p persister) Persist(sink raft.SnapshotSink) error {
	s, ok := sink.(*snapshot.Sink)
	if !ok {
		return fmt.Errorf("cluster: cannot persist to a %T", sink)
	}
	watched := p.replica.watch.Begin(health.SnapshotTask, "writing a snapshot")
	err := p.replica.machine.Snapshot(p.replica.ctx, s.Dir())
	p.replica.watch.End(watched)
	if err != nil {
		return err
	}
	// The machine went on meanwhile, so its state may be of more entries than the
	// snapshot's index says, but no more than this.
	s.SetReach(max(p.replica.applied.get(), p.replica.begun.Load()))
	return nil
}

func (persister) Release() {}

// signal leaves a token in a channel of capacity one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
