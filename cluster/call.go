package cluster

import (
	"container/list"
	"sync"
)

// call is requests that entered the queue together: one Propose, one frame from
// another member, or no requests at all, which is a barrier or a tick. A call
// without requests still gets one result: the index of an entry that was
// proposed after it entered the queue.
type call struct {
	requests [][]byte
	// leaderOnly calls are answered with outcome.NoLeader where there is another
	// leader: they came from another member already, or are a leader's duty.
	leaderOnly bool
	then       func([]Result) // called once with the results, when set
	finished   chan struct{}  // closed when all results are there

	// Guarded by the queue's mutex.
	place *list.Element // in the queue; nil when not queued
	taken int           // requests that left the queue for an entry or a frame

	mu        sync.Mutex
	results   []Result // not touched any more once finished or abandoned
	open      int      // results still missing
	abandoned bool
}

func newCall(requests [][]byte, leaderOnly bool, then func([]Result)) *call {
	n := max(1, len(requests))
	return &call{
		requests:   requests,
		leaderOnly: leaderOnly,
		then:       then,
		finished:   make(chan struct{}),
		results:    make([]Result, n),
		open:       n,
	}
}

// answer stores results from the given request on; it reports whether these
// were the last ones missing.
func (c *call) answer(from int, results ...Result) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.abandoned {
		copy(c.results[from:], results)
	}
	c.open -= len(results)
	if c.open > 0 {
		return false
	}
	close(c.finished)
	if c.then != nil && !c.abandoned {
		c.then(c.results)
	}
	return true
}

// abandon is for a caller that waits no longer: results that are missing become
// err, and what arrives later is dropped.
func (c *call) abandon(err error) []Result {
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

// failed is n results with the same error.
func failed(n int, err error) []Result {
	results := make([]Result, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}
