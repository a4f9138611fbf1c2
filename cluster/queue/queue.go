// Package queue is where requests wait between those who make them and the log:
// calls come in, batches go out, and each request gets one result.
package queue

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// MaxEntryBytes bounds a log entry. 512 KiB is what hashicorp/raft suggests as
	// the largest (raft.SuggestedMaxDataSize): larger ones delay heartbeats, which
	// travel the same goroutine.
	MaxEntryBytes = 512 << 10

	// RequestOverhead is for tag and length in front of each request in an entry,
	// EntryOverhead for version and time in front of all, at most.
	RequestOverhead = 6
	EntryOverhead   = 16

	// MaxRequestBytes is the largest request: one that fills an entry alone.
	MaxRequestBytes = MaxEntryBytes - EntryOverhead - RequestOverhead

	// MaxEntryRequests bounds the work of one Apply, and so how long a reader or
	// the next entry waits for it.
	MaxEntryRequests = 8192

	// A lane holds no more than a second of work, however fast the members are: once its
	// oldest call has waited for so long, although others were taken meanwhile, new ones
	// are refused at once, for waiting longer helps nobody. See ADR 51.
	maxWait = time.Second
)

// Queue holds calls until the batcher takes them, in two lanes (ADR 77), each in the order in
// which they came: small requests, as single transfers are, and large ones, as batches are.
//
// Safe for concurrent use; only the batcher takes. mu guards the lanes and the
// counts, and of each call where it is and what was taken of it: so a request is
// either taken or withdrawn, never both. A call's own mutex is taken without it.
type Queue struct {
	// Wake holds a token when there may be something to take.
	Wake chan struct{}

	mu      sync.Mutex
	lanes   [2]lane       // of small requests, and of large ones
	first   int           // the lane that the next batch begins with
	refused uint64        // calls for which there was no room
	taken   time.Time     // when something was last taken
	resumed time.Time     // when that was after a pause of maxWait or more
	active  int           // calls accepted and not yet finished
	closed  bool          // no more calls are accepted
	drained chan struct{} // closed when closed and active is zero
}

// New returns an empty queue.
func New() *Queue {
	q := &Queue{Wake: make(chan struct{}, 1), drained: make(chan struct{})}
	for i := range q.lanes {
		q.lanes[i].init()
	}
	return q
}

// laneFor is the lane of calls whose largest request has so many bytes.
func (q *Queue) laneFor(largest int) *lane {
	if largest <= maxSmallBytes {
		return &q.lanes[0]
	}
	return &q.lanes[1]
}

// Push accepts a call, or says at once why not.
func (q *Queue) Push(c *Call) error {
	requests, bytes, largest := max(1, len(c.requests)), 0, 0
	for _, r := range c.requests {
		bytes += len(r) + RequestOverhead
		largest = max(largest, len(r))
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return outcome.ShuttingDown
	}
	l := q.laneFor(largest)
	err := l.crowded(requests, bytes)
	if err == nil && len(c.requests) > 0 { // a call without them costs nothing
		err = q.late(l, now)
	}
	if err != nil {
		q.refused++
		return err
	}
	c.since = now
	l.add(c, requests, bytes)
	q.active++
	select {
	case q.Wake <- struct{}{}:
	default:
	}
	return nil
}

// Full is why a request of so many bytes would be refused now, if so: for who can tell a
// client before the work that making a call is.
func (q *Queue) Full(bytes int) error {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.laneFor(bytes)
	err := cmp.Or(l.crowded(1, 0), q.late(l, now))
	if err != nil {
		q.refused++
	}
	return err
}

// late is why what comes into this lane now would wait for too long. Where nothing is taken,
// as without a leader, what waits says nothing about load. The caller holds mu.
func (q *Queue) late(l *lane, now time.Time) error {
	if l.calls == 0 || now.Sub(q.taken) >= maxWait {
		return nil
	}
	since := l.ring.next.since
	if since.Before(q.resumed) {
		since = q.resumed
	}
	if waits := now.Sub(since); waits > maxWait {
		return fmt.Errorf("%w: what came %v ago waits", outcome.QueueFull, waits.Round(time.Millisecond))
	}
	return nil
}

// Load is how full a queue is, and how many calls it has had no room for.
type Load struct {
	Requests, Bytes int
	Refused         uint64
}

// Load is how full the queue is, both lanes together.
func (q *Queue) Load() Load {
	q.mu.Lock()
	defer q.mu.Unlock()
	small, large := &q.lanes[0], &q.lanes[1]
	return Load{small.requests + large.requests, small.bytes + large.bytes, q.refused}
}

// Len is how many calls wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lanes[0].calls + q.lanes[1].calls
}

// Take returns as much as fits in an entry: from the front of one lane, and where that leaves
// room from the other's. The lanes begin by turns, so that neither waits for more than one
// entry of the other. Where small requests wait, few large ones go beside them (largeBeside).
//
// With forward set it is a frame for the leader, which is of one lane alone, as the leader
// knows the lane of what comes by its largest request; calls that must not be forwarded are
// left out and answered.
func (q *Queue) Take(forward bool) Batch {
	b := Batch{queue: q}
	var refused []*Call
	now := time.Now()
	q.mu.Lock()
	if now.Sub(q.taken) >= maxWait {
		q.resumed = now
	}
	q.taken = now
	room := MaxEntryBytes - EntryOverhead
	small, large := &q.lanes[0], &q.lanes[1]
	beside := small.calls > 0 && !forward
	for _, l := range [...]*lane{&q.lanes[q.first], &q.lanes[1-q.first]} {
		wanted := room
		if beside && l == large {
			wanted = largeBeside
		}
		var out []*Call
		room, out = l.take(&b, room, wanted, forward)
		refused = append(refused, out...)
		if forward && !b.Empty() {
			break
		}
	}
	q.first = 1 - q.first
	q.mu.Unlock()
	q.refuse(refused, outcome.NoLeader)
	return b
}

// Withdraw answers with err whatever of the call was not taken.
func (q *Queue) Withdraw(c *Call, err error) {
	q.mu.Lock()
	l := c.lane
	if l != nil {
		l.remove(c)
	}
	q.mu.Unlock()
	if l != nil {
		q.refuse([]*Call{c}, err)
	}
}

// WithdrawAll does so with every call.
func (q *Queue) WithdrawAll(err error) {
	q.withdraw(func(*Call) bool { return true }, err)
}

// WithdrawForwarded does so with the calls that came from other members. They
// ask again elsewhere, if they learn in time that it is of no use here.
func (q *Queue) WithdrawForwarded(err error) {
	q.withdraw(func(c *Call) bool { return c.leaderOnly }, err)
}

func (q *Queue) withdraw(which func(*Call) bool, err error) {
	q.mu.Lock()
	calls := append(q.lanes[0].removeAll(which), q.lanes[1].removeAll(which)...)
	q.mu.Unlock()
	q.refuse(calls, err)
}

// refuse answers what was not taken of calls that were removed.
func (q *Queue) refuse(calls []*Call, err error) {
	finished := 0
	for _, c := range calls {
		if c.answer(c.taken, Failed(len(c.results)-c.taken, err)...) {
			finished++
		}
	}
	q.finish(finished)
}

// finish counts so many calls off that have all their results.
func (q *Queue) finish(calls int) {
	if calls == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active -= calls
	q.checkDrained()
}

// Close refuses calls from now on; those accepted are still served.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.checkDrained()
	}
}

func (q *Queue) checkDrained() {
	if q.closed && q.active == 0 {
		close(q.drained)
	}
}

// WaitDrained waits until a closed queue has no unfinished calls.
func (q *Queue) WaitDrained(ctx context.Context) error {
	select {
	case <-q.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
