// Package groupcommit makes entries of the log of what waits to be ordered. An entry costs each
// member a write to its disk, whatever is in it: so requests that come while others are under
// way wait, and share the next entry.
//
// Batcher sends what is in the queue: as entries where this member leads, else as frames to the
// leader. Ticker puts a request of the member's own among them when something falls due.
// Await waits for what raft says of an entry, or of something else that it was asked; Translate
// says what has become of the entry.
package groupcommit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/peer"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/latency"
	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// MaxInFlight is how many entries are handed to raft and not yet applied. While three are on their way
	// (one being synced here, one there, one being applied) more would only
	// take requests away from the next entry. It is far below raft's own
	// buffer, so that handing over never blocks.
	MaxInFlight = 3

	// An entry that is handed to raft while another is under way has so many bytes at
	// least, about a hundred transfers. An entry of one costs three members a
	// millisecond of a core together, fifteen times what a transfer in a large one
	// does: what is smaller waits for the one under way, and is larger then.
	minEntryBeside = 16 << 10
)

// Batcher takes calls out of the queue and sends them, joined, where they get
// ordered: into raft's log when this member leads, else to the leader. While as
// much is under way as may be, the queue grows and so does the next batch; when
// nothing is, nobody waits.
//
// Run is its goroutine, which alone takes from the queue and owns the dialer and the
// fields below the line. For each entry in flight it starts another, counted in
// waiting, which waits for raft, gives back its token of flights and answers the
// batch. A token is taken before the batcher looks whether it leads, so that a
// member that becomes unfit and finds no flight can fall silent.
type Batcher struct {
	// Took is how long it took from handing an entry to raft until it was applied here.
	Took latency.Histogram

	cfg     BatcherConfig
	freed   chan struct{}  // token: something that was under way is not any more
	flights chan struct{}  // one token for each entry in flight
	waiting sync.WaitGroup // for the goroutines that wait for raft

	// ---
	uplink *peer.Uplink
	giveUp <-chan time.Time // set while calls wait for a leader
}

// BatcherConfig is what a Batcher stands on, and what it goes by.
type BatcherConfig struct {
	Self    string // identity of this member
	Queue   *queue.Queue
	Log     Log
	Machine Machine
	Clock   *clock.Stamper
	Fitness *health.Fitness
	Lag     *health.Lag // learns what the leader answers
	Room    func() health.Room
	Leader  func() (id string, ok bool)
	Dialer  *peer.Dialer
	Grace   time.Duration   // how long calls wait for a leader that can be reached
	Changed <-chan struct{} // token: leadership may have changed
	Told    func(err error) // is told what raft says of each entry that it was handed
}

// Log is raft, as far as a Batcher knows it.
type Log interface {
	// ApplyLog hands over an entry. It must not block.
	ApplyLog(l raft.Log, timeout time.Duration) raft.ApplyFuture
}

// Machine is the state machine, as far as its time is concerned.
type Machine interface {
	// Schedule is the machine's time, and when it wants a tick, math.MaxInt64 for never; both
	// in unix microseconds.
	Schedule() (now, due int64)
}

// NewBatcher is one that takes nothing until it runs.
func NewBatcher(cfg BatcherConfig) *Batcher {
	return &Batcher{cfg: cfg, freed: make(chan struct{}, 1), flights: make(chan struct{}, MaxInFlight)}
}

// InFlight is how many entries were handed to raft, and neither applied nor refused yet.
func (b *Batcher) InFlight() int { return len(b.flights) }

// Look has it look again whether it can send: something that it waits for may be there.
func (b *Batcher) Look() { signal(b.freed) }

// Wait waits for raft to answer for all entries that it was handed, which it may never do.
func (b *Batcher) Wait() { b.waiting.Wait() }

// Run sends what is in the queue until ctx ends.
func (b *Batcher) Run(ctx context.Context) {
	defer b.cfg.Dialer.Stop()
	defer b.dropUplink()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.cfg.Queue.Wake:
		case <-b.freed:
		case <-b.cfg.Changed:
		case d := <-b.cfg.Dialer.Dialled:
			b.connected(d)
		case <-b.giveUp:
			b.giveUp = nil
			b.cfg.Queue.WithdrawAll(fmt.Errorf("%w: none could be reached for %v", outcome.NoLeader, b.cfg.Grace))
		}
		b.send(ctx)
	}
}

// send sends as much as may be sent now.
func (b *Batcher) send(ctx context.Context) {
	for ctx.Err() == nil {
		leader, known := b.cfg.Leader()
		if b.uplink != nil && (!b.uplink.Usable() || known && leader != b.uplink.Leader()) {
			b.dropUplink() // what it has under way nobody will answer
		}
		if !b.cfg.Fitness.Fit() {
			b.cfg.Queue.WithdrawForwarded(fmt.Errorf("%w: this member must not lead now", outcome.NoLeader))
		}
		empty := b.cfg.Queue.Len() == 0
		if !known || empty || !b.route(ctx, leader) {
			b.wait(!empty)
			return
		}
		b.giveUp = nil
		if !b.sendOne(leader) {
			return
		}
	}
}

// route reports whether there is a way to the leader; if not, it begins to
// look for one. To lead oneself one has to know what time it is.
func (b *Batcher) route(ctx context.Context, leader string) bool {
	if leader == b.cfg.Self {
		now, _ := b.cfg.Machine.Schedule()
		_, known := b.cfg.Clock.Now(now)
		return known
	}
	if b.uplink != nil {
		return true
	}
	b.cfg.Dialer.Dial(ctx, leader)
	return false
}

// wait bounds the time for which calls wait for a leader, if any do.
func (b *Batcher) wait(calls bool) {
	switch {
	case !calls:
		b.giveUp = nil
	case b.giveUp == nil:
		b.giveUp = time.After(b.cfg.Grace)
	}
}

// sendOne sends one batch; it returns false when as much is under way as may be.
func (b *Batcher) sendOne(leader string) bool {
	if leader == b.cfg.Self {
		if len(b.flights) > 0 && b.cfg.Queue.Load().Bytes < minEntryBeside {
			return false
		}
		select {
		case b.flights <- struct{}{}:
			if id, ok := b.cfg.Leader(); !ok || id != b.cfg.Self {
				<-b.flights
				return false
			}
			b.propose(b.cfg.Queue.Take(false))
			return true
		default:
			return false
		}
	}
	if b.uplink.Full() {
		return false
	}
	if taken := b.cfg.Queue.Take(true); !taken.Empty() {
		b.uplink.Send(taken)
	}
	return true
}

// propose makes a log entry of the batch.
func (b *Batcher) propose(taken queue.Batch) {
	if taken.Empty() {
		<-b.flights
		return
	}
	if b.cfg.Room().None {
		<-b.flights
		taken.Fail(fmt.Errorf("%w: nothing more fits on the leader's disk", outcome.DiskFull))
		return
	}
	now, _ := b.cfg.Machine.Schedule()
	micros, known := b.cfg.Clock.Now(now)
	if !known {
		<-b.flights
		taken.Fail(fmt.Errorf("%w: the leader does not know the clocks of a majority", outcome.NoLeader))
		return
	}
	data := entry.Entry{Micros: micros, Requests: taken.Requests}.Encode()
	began := time.Now()
	future := b.cfg.Log.ApplyLog(raft.Log{Data: data}, 0)
	b.waiting.Go(func() {
		err := future.Error()
		b.cfg.Told(err)
		<-b.flights
		signal(b.freed)
		if err != nil {
			taken.Fail(Translate(err))
			return
		}
		b.Took.Observe(time.Since(began))
		taken.Answer(results(future, len(taken.Requests)))
	})
}

// results asks the state machine for what it answered to each request.
func results(future raft.ApplyFuture, n int) ([]queue.Result, queue.Result) {
	result, ok := future.Response().(func(int) []byte)
	if !ok { // the machine did not get the entry, or failed on it
		err := fmt.Errorf("%w: the entry was not applied here", outcome.Unknown)
		return queue.Failed(n, err), queue.Result{Err: err}
	}
	answers := make([]queue.Result, n)
	for i := range answers {
		answers[i] = queue.Result{Index: future.Index(), Data: result(i)}
		if answers[i].Data == nil {
			answers[i].Err = fmt.Errorf("%w: it was applied, and the answer cannot be read", outcome.Unknown)
		}
	}
	return answers, queue.Result{Index: future.Index()}
}

// connected takes over a new connection to the leader.
func (b *Batcher) connected(d peer.Dialled) {
	b.cfg.Dialer.Stop()
	if d.Err == nil {
		b.dropUplink()
		b.uplink = peer.NewUplink(d.To, d.Conn, func() { signal(b.freed) }, b.cfg.Lag)
	}
}

func (b *Batcher) dropUplink() {
	if b.uplink == nil {
		return
	}
	b.uplink.Close()
	b.uplink = nil
}

// signal leaves a token in a channel of capacity one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
