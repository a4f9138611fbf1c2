package queue

import (
	"sync"
	"time"
)

// Result is the outcome of one request.
type Result struct {
	Index uint64 // raft index of the entry that held the request
	Data  []byte // what the state machine answered
	Err   error  // an outcome.Code, wrapped
}

// Failed is n results with the same error.
func Failed(n int, err error) []Result {
	results := make([]Result, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// Call is requests that entered the queue together: one Propose, one frame from
// another member, or no requests at all, which is a barrier or a tick. A call
// without requests still gets one result: the index of an entry that was
// proposed after it entered the queue.
//
// The queue's mutex guards prev, next, lane, since and taken; mu guards results, open and
// abandoned. Results that are finished or abandoned are not touched any more.
type Call struct {
	// Finished is closed when all results are there.
	Finished chan struct{}

	requests   [][]byte
	leaderOnly bool
	then       func([]Result)

	lane       *lane     // in which it waits, while it does
	prev, next *Call     // in the lane's ring
	since      time.Time // when it came
	taken      int       // requests that left the queue for an entry or a frame

	mu        sync.Mutex
	results   []Result
	open      int // results still missing
	abandoned bool

	only [1]Result // where the result of a call of one request lies, as of most
}

// NewCall returns a call of these requests. With leaderOnly it is answered with
// outcome.NoLeader where there is another leader: it came from another member
// already, or is what a leader does by itself. then, if it is not nil, is called
// once with the results.
func NewCall(requests [][]byte, leaderOnly bool, then func([]Result)) *Call {
	c := &Call{Finished: make(chan struct{}), requests: requests, leaderOnly: leaderOnly, then: then}
	if c.open = max(1, len(requests)); c.open == 1 {
		c.results = c.only[:]
	} else {
		c.results = make([]Result, c.open)
	}
	return c
}

// Results are those of a call that is finished.
func (c *Call) Results() []Result { return c.results }

// answer stores results from the given request on; it reports whether these
// were the last ones missing.
func (c *Call) answer(from int, results ...Result) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.abandoned {
		copy(c.results[from:], results)
	}
	c.open -= len(results)
	if c.open > 0 {
		return false
	}
	close(c.Finished)
	if c.then != nil && !c.abandoned {
		c.then(c.results)
	}
	return true
}

// Abandon is for a caller that waits no longer: results that are missing become
// err, and what arrives later is dropped.
func (c *Call) Abandon(err error) []Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == 0 {
		return c.results
	}
	c.abandoned = true
	for i, r := range c.results {
		if r.Index == 0 && r.Err == nil {
			c.results[i].Err = err
		}
	}
	return c.results
}

// Batch is what was taken from the queue for one entry or one frame.
type Batch struct {
	Requests [][]byte

	queue *Queue
	parts []part
}

// part is the share of one call in a batch: requests from up to to, or none at
// all of a call that has none.
type part struct {
	call     *Call
	from, to int
}

// Empty tells whether nothing was taken, not even a call without requests.
func (b Batch) Empty() bool { return len(b.parts) == 0 }

// Answer hands out the results, one for each request of the batch; common is the
// result of the batch as a whole, for calls without requests.
func (b Batch) Answer(results []Result, common Result) {
	at, finished := 0, 0
	for _, p := range b.parts {
		n := p.to - p.from
		given := results[at : at+n]
		if n == 0 {
			given = []Result{common}
		}
		if p.call.answer(p.from, given...) {
			finished++
		}
		at += n
	}
	b.queue.finish(finished)
}

// Fail answers everything in the batch with err.
func (b Batch) Fail(err error) {
	b.Answer(Failed(len(b.Requests), err), Result{Err: err})
}
