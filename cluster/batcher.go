package cluster

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

// batcher takes calls out of the queue and sends them, joined, where they get
// ordered: into raft's log when this member leads, else to the leader. While as
// much is under way as may be, the queue grows and so does the next batch; when
// nothing is, nobody waits.
//
// run is its goroutine, which alone takes from the queue and owns dialer and the
// fields below the line. For each entry in flight it starts another, counted in
// waiting, which waits for raft, gives back its token of flights and answers the
// batch. A token is taken before the batcher looks whether it leads, so that a
// member that becomes unfit and finds no flight can fall silent.
type batcher struct {
	queue   *queue.Queue
	raft    *raft.Raft
	replica *replica
	clock   *clock.Stamper
	fitness *health.Fitness
	room    func() health.Room
	lag     *health.Lag
	self    string
	leader  func() (id string, ok bool)
	dialer  *peer.Dialer
	grace   time.Duration // how long calls wait for a leader that can be reached

	changed chan struct{} // token: leadership may have changed
	freed   chan struct{} // token: something that was under way is not any more
	flights chan struct{} // one token for each entry in flight
	refused refusals
	stuck   func()            // raft takes no entry any more
	took    latency.Histogram // from handing an entry to raft until it is applied here
	waiting sync.WaitGroup    // for the goroutines that wait for raft

	// ---
	uplink *peer.Uplink
	giveUp <-chan time.Time // set while calls wait for a leader
}

func (b *batcher) run(ctx context.Context) {
	defer b.dialer.Stop()
	defer b.dropUplink()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.queue.Wake:
		case <-b.freed:
		case <-b.changed:
		case d := <-b.dialer.Dialled:
			b.connected(d)
		case <-b.giveUp:
			b.giveUp = nil
			b.queue.WithdrawAll(fmt.Errorf("%w: none could be reached for %v", outcome.NoLeader, b.grace))
		}
		b.send(ctx)
	}
}

// send sends as much as may be sent now.
func (b *batcher) send(ctx context.Context) {
	for ctx.Err() == nil {
		leader, known := b.leader()
		if b.uplink != nil && (!b.uplink.Usable() || known && leader != b.uplink.Leader()) {
			b.dropUplink() // what it has under way nobody will answer
		}
		if !b.fitness.Fit() {
			b.queue.WithdrawForwarded(fmt.Errorf("%w: this member must not lead now", outcome.NoLeader))
		}
		empty := b.queue.Len() == 0
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
func (b *batcher) route(ctx context.Context, leader string) bool {
	if leader == b.self {
		now, _ := b.replica.schedule()
		_, known := b.clock.Now(now)
		return known
	}
	if b.uplink != nil {
		return true
	}
	b.dialer.Dial(ctx, leader)
	return false
}

// wait bounds the time for which calls wait for a leader, if any do.
func (b *batcher) wait(calls bool) {
	switch {
	case !calls:
		b.giveUp = nil
	case b.giveUp == nil:
		b.giveUp = time.After(b.grace)
	}
}

// sendOne sends one batch; it returns false when as much is under way as may be.
func (b *batcher) sendOne(leader string) bool {
	if leader == b.self {
		if len(b.flights) > 0 && b.queue.Load().Bytes < minEntryBeside {
			return false
		}
		select {
		case b.flights <- struct{}{}:
			if id, ok := b.leader(); !ok || id != b.self {
				<-b.flights
				return false
			}
			b.propose(b.queue.Take(false))
			return true
		default:
			return false
		}
	}
	if b.uplink.Full() {
		return false
	}
	if taken := b.queue.Take(true); !taken.Empty() {
		b.uplink.Send(taken)
	}
	return true
}

// propose makes a log entry of the batch.
func (b *batcher) propose(taken queue.Batch) {
	if taken.Empty() {
		<-b.flights
		return
	}
	if b.room().None {
		<-b.flights
		taken.Fail(fmt.Errorf("%w: nothing more fits on the leader's disk", outcome.DiskFull))
		return
	}
	now, _ := b.replica.schedule()
	micros, known := b.clock.Now(now)
	if !known {
		<-b.flights
		taken.Fail(fmt.Errorf("%w: the leader does not know the clocks of a majority", outcome.NoLeader))
		return
	}
	data := entry.Entry{Micros: micros, Requests: taken.Requests}.Encode()
	began := time.Now()
	future := b.raft.ApplyLog(raft.Log{Data: data}, 0)
	b.waiting.Go(func() {
		err := future.Error()
		if b.refused.note(err, time.Now()) {
			b.stuck()
		}
		<-b.flights
		signal(b.freed)
		if err != nil {
			taken.Fail(translate(err))
			return
		}
		b.took.Observe(time.Since(began))
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
func (b *batcher) connected(d peer.Dialled) {
	b.dialer.Stop()
	if d.Err == nil {
		b.dropUplink()
		b.uplink = peer.NewUplink(d.To, d.Conn, func() { signal(b.freed) }, b.lag)
	}
}

func (b *batcher) dropUplink() {
	if b.uplink == nil {
		return
	}
	b.uplink.Close()
	b.uplink = nil
}
