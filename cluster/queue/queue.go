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

	// The queue holds two or three of the largest batches that a client may send at
	// once (10,000 requests, 8 MiB). What does not fit is refused at once.
	maxRequests = 32 << 10
	maxBytes    = 32 << 20

	// And it holds no more than a second of work, however fast the members are: once the
	// oldest call has waited for so long, although others were taken meanwhile, new ones
	// are refused at once, for waiting longer helps nobody. See ADR 51.
	maxWait = time.Second
)

// Queue holds calls until the batcher takes them, in the order in which they came.
//
// Safe for concurrent use; only the batcher takes. mu guards the ring and the
// counts, and of each call where it is and what was taken of it: so a request is
// either taken or withdrawn, never both. A call's own mutex is taken without it.
type Queue struct {
	// Wake holds a token when there may be something to take.
	Wake chan struct{}

	mu       sync.Mutex
	ring     Call // its next is the call that waits for longest, its prev the newest
	calls    int  // in the ring
	requests int  // not taken yet; a call without requests counts as one
	bytes    int
	refused  uint64        // calls for which there was no room
	taken    time.Time     // when something was last taken
	resumed  time.Time     // when that was after a pause of maxWait or more
	active   int           // calls accepted and not yet finished
	closed   bool          // no more calls are accepted
	drained  chan struct{} // closed when closed and active is zero
}

// New returns an empty queue.
func New() *Queue {
	q := &Queue{Wake: make(chan struct{}, 1), drained: make(chan struct{})}
	q.ring.prev, q.ring.next = &q.ring, &q.ring
	return q
}

// Push accepts a call, or says at once why not.
func (q *Queue) Push(c *Call) error {
	requests, bytes := max(1, len(c.requests)), 0
	for _, r := range c.requests {
		bytes += len(r) + RequestOverhead
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return outcome.ShuttingDown
	}
	err := q.crowded(requests, bytes)
	if err == nil && len(c.requests) > 0 { // a call without them costs nothing
		err = q.late(now)
	}
	if err != nil {
		q.refused++
		return err
	}
	c.since = now
	q.requests += requests
	q.bytes += bytes
	q.active++
	q.calls++
	c.queued, c.prev, c.next = true, q.ring.prev, &q.ring
	c.prev.next, c.next.prev = c, c
	select {
	case q.Wake <- struct{}{}:
	default:
	}
	return nil
}

// Full is why a call would be refused now, if so: for who can tell a client before the
// work that making a call is.
func (q *Queue) Full() error {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	err := cmp.Or(q.crowded(1, 0), q.late(now))
	if err != nil {
		q.refused++
	}
	return err
}

// crowded is why there is no room for so much. The caller holds mu.
func (q *Queue) crowded(requests, bytes int) error {
	if q.requests+requests <= maxRequests && q.bytes+bytes <= maxBytes {
		return nil
	}
	return fmt.Errorf("%w: %d requests, %d bytes wait", outcome.QueueFull, q.requests, q.bytes)
}

// late is why what comes now would wait for too long. Where nothing is taken, as without
// a leader, what waits says nothing about load. The caller holds mu.
func (q *Queue) late(now time.Time) error {
	if q.calls == 0 || now.Sub(q.taken) >= maxWait {
		return nil
	}
	since := q.ring.next.since
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

// Load is how full the queue is.
func (q *Queue) Load() Load {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Load{q.requests, q.bytes, q.refused}
}

// Len is how many calls wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.calls
}

// Take returns as much from the front as fits in an entry. With forward set, calls
// that must not be forwarded are left out and answered.
func (q *Queue) Take(forward bool) Batch {
	b := Batch{queue: q}
	var refused []*Call
	now := time.Now()
	q.mu.Lock()
	if now.Sub(q.taken) >= maxWait {
		q.resumed = now
	}
	q.taken = now
	for room := MaxEntryBytes - EntryOverhead; ; {
		c := q.ring.next
		if c == &q.ring {
			break
		}
		if forward && c.leaderOnly {
			q.remove(c)
			refused = append(refused, c)
			continue
		}
		room = q.takeFrom(c, &b, room)
		if c.queued {
			break // the rest of this call goes in the next entry
		}
	}
	q.mu.Unlock()
	q.refuse(refused, outcome.NoLeader)
	return b
}

// takeFrom moves what fits from c to b and returns the room that is left.
func (q *Queue) takeFrom(c *Call, b *Batch, room int) int {
	from := c.taken
	for c.taken < len(c.requests) && len(b.Requests) < MaxEntryRequests {
		r := c.requests[c.taken]
		if len(r)+RequestOverhead > room {
			break
		}
		room -= len(r) + RequestOverhead
		b.Requests = append(b.Requests, r)
		c.taken++
		q.requests--
		q.bytes -= len(r) + RequestOverhead
	}
	if c.taken > from || len(c.requests) == 0 {
		b.parts = append(b.parts, part{call: c, from: from, to: c.taken})
	}
	if c.taken == len(c.requests) {
		q.remove(c)
	}
	return room
}

// remove unlinks a call with whatever of it was not taken.
func (q *Queue) remove(c *Call) {
	q.calls--
	c.prev.next, c.next.prev = c.next, c.prev
	c.queued, c.prev, c.next = false, nil, nil
	if len(c.requests) == 0 {
		q.requests--
	}
	for _, r := range c.requests[c.taken:] {
		q.requests--
		q.bytes -= len(r) + RequestOverhead
	}
}

// Withdraw answers with err whatever of the call was not taken.
func (q *Queue) Withdraw(c *Call, err error) {
	q.mu.Lock()
	queued := c.queued
	if queued {
		q.remove(c)
	}
	q.mu.Unlock()
	if queued {
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
	var calls []*Call
	for c := q.ring.next; c != &q.ring; {
		next := c.next // before c leaves the ring
		if which(c) {
			q.remove(c)
			calls = append(calls, c)
		}
		c = next
	}
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
