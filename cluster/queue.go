package cluster

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/bpsc/bpsc/internal/outcome"
)

// queue holds calls between those who make them and the batcher, which takes
// them out in the order they came.
//
// Safe for concurrent use; only the batcher takes.
type queue struct {
	wake chan struct{} // holds a token when there may be something to take

	mu       sync.Mutex
	calls    *list.List // of *call
	requests int        // not taken yet; a call without requests counts as one
	bytes    int
	active   int           // calls accepted and not yet finished
	closed   bool          // no more calls are accepted
	drained  chan struct{} // closed when closed and active is zero
}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), calls: list.New(), drained: make(chan struct{})}
}

// push accepts a call, or says at once why not.
func (q *queue) push(c *call) error {
	requests, bytes := max(1, len(c.requests)), 0
	for _, r := range c.requests {
		bytes += len(r) + requestOverhead
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return outcome.ShuttingDown
	case q.requests+requests > maxQueueRequests || q.bytes+bytes > maxQueueBytes:
		return fmt.Errorf("%w: %d requests, %d bytes wait", outcome.QueueFull, q.requests, q.bytes)
	}
	q.requests += requests
	q.bytes += bytes
	q.active++
	c.place = q.calls.PushBack(c)
	poke(q.wake)
	return nil
}

// empty tells whether there is nothing to take.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.calls.Len() == 0
}

// take returns as much from the front as fits in an entry. With forward set,
// calls that must not be forwarded are left out and answered.
func (q *queue) take(forward bool) batch {
	b := batch{queue: q}
	var refused []*call
	q.mu.Lock()
	for room := maxEntryBytes - entryOverhead; ; {
		front := q.calls.Front()
		if front == nil {
			break
		}
		c := front.Value.(*call)
		if forward && c.leaderOnly {
			q.remove(c)
			refused = append(refused, c)
			continue
		}
		room = q.takeFrom(c, &b, room)
		if c.place != nil {
			break // the rest of this call goes in the next entry
		}
	}
	q.mu.Unlock()
	for _, c := range refused {
		q.answer(c, c.taken, failed(len(c.results)-c.taken, outcome.NoLeader)...)
	}
	return b
}

// takeFrom moves what fits from c to b and returns the room that is left.
func (q *queue) takeFrom(c *call, b *batch, room int) int {
	from := c.taken
	for c.taken < len(c.requests) && len(b.requests) < maxEntryRequests {
		r := c.requests[c.taken]
		if len(r)+requestOverhead > room {
			break
		}
		room -= len(r) + requestOverhead
		b.requests = append(b.requests, r)
		c.taken++
		q.requests--
		q.bytes -= len(r) + requestOverhead
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
func (q *queue) remove(c *call) {
	q.calls.Remove(c.place)
	c.place = nil
	if len(c.requests) == 0 {
		q.requests--
	}
	for _, r := range c.requests[c.taken:] {
		q.requests--
		q.bytes -= len(r) + requestOverhead
	}
}

// withdraw answers with err whatever of the call the batcher has not taken. A
// request is either withdrawn or taken, never both: both happen under the mutex.
func (q *queue) withdraw(c *call, err error) {
	q.mu.Lock()
	queued := c.place != nil
	if queued {
		q.remove(c)
	}
	q.mu.Unlock()
	if queued {
		q.answer(c, c.taken, failed(len(c.results)-c.taken, err)...)
	}
}

// withdrawAll does so with every call.
func (q *queue) withdrawAll(err error) {
	q.withdrawIf(func(*call) bool { return true }, err)
}

// withdrawForwarded does so with the calls that came from other members. They
// ask again elsewhere, if they learn in time that it is of no use here.
func (q *queue) withdrawForwarded(err error) {
	q.withdrawIf(func(c *call) bool { return c.leaderOnly }, err)
}

func (q *queue) withdrawIf(which func(*call) bool, err error) {
	q.mu.Lock()
	var calls []*call
	for e, next := q.calls.Front(), (*list.Element)(nil); e != nil; e = next {
		next = e.Next()
		if c := e.Value.(*call); which(c) {
			q.remove(c)
			calls = append(calls, c)
		}
	}
	q.mu.Unlock()
	for _, c := range calls {
		q.answer(c, c.taken, failed(len(c.results)-c.taken, err)...)
	}
}

// answer passes results on and keeps count of the calls that are not finished.
func (q *queue) answer(c *call, from int, results ...Result) {
	if !c.answer(from, results...) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active--
	q.checkDrained()
}

// close refuses calls from now on; those accepted are still served.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.checkDrained()
	}
}

func (q *queue) checkDrained() {
	if q.closed && q.active == 0 {
		close(q.drained)
	}
}

// waitDrained waits until a closed queue has no unfinished calls.
func (q *queue) waitDrained(ctx context.Context) error {
	select {
	case <-q.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poke leaves a token in a channel of capacity one.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
