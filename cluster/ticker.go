package cluster

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/queue"
)

// ticker proposes, on the leader, an entry without requests, a tick, when the
// machine has something due. A tick that comes late, twice or from a former leader
// is harmless, for the machine decides by the entry's time alone what to do. Much that falls
// due at about the same time shares a tick: what comes soon after one waits for the next.
//
// run is its goroutine, which owns the fields below the line. At most one tick is
// pending; nothing is polled.
type ticker struct {
	queue   *queue.Queue
	replica *replica
	clock   *clock.Stamper
	leads   func() (term uint64, ok bool)
	changed chan struct{}  // token: leadership may have changed
	settled *atomic.Uint64 // term, for others

	// ---
	term    uint64      // of the leadership in which an entry of ours was applied
	pending *queue.Call // the tick that is under way
	during  uint64      // the term in which it was proposed
	last    int64       // what was due at the last tick
	pause   time.Time   // nothing is proposed before
}

func (t *ticker) run(ctx context.Context) {
	for {
		var alarm <-chan time.Time
		if wait, ok := t.step(); ok {
			alarm = time.After(wait)
		}
		var done chan struct{}
		if t.pending != nil {
			done = t.pending.Finished
		}
		select {
		case <-ctx.Done():
			return
		case <-t.changed:
		case <-t.replica.changed:
		case <-alarm:
		case <-done:
			t.finish()
		}
	}
}

// step proposes a tick if it is time for one; otherwise it returns how long to
// wait for that, if anything is to be waited for.
func (t *ticker) step() (wait time.Duration, ok bool) {
	term, leads := t.leads()
	if !leads || t.pending != nil {
		return 0, false
	}
	now, due := t.replica.schedule()
	if term != t.term {
		// The first one of a leadership is due at once: only when an entry of
		// our own is applied does the machine know all that came before us.
		due = now
	}
	if due == math.MaxInt64 {
		return 0, false
	}
	wait, known := t.clock.Until(due, now)
	if !known {
		return tickPause, true // the others are being asked
	}
	if wait = max(wait, time.Until(t.pause)); wait > 0 {
		return wait, true
	}
	tick := queue.NewCall(nil, true, nil)
	if err := t.queue.Push(tick); err != nil {
		t.pause = time.Now().Add(tickPause)
		return tickPause, true
	}
	t.pending, t.during, t.last = tick, term, due
	t.pause = time.Now().Add(tickGap)
	return 0, false
}

// finish looks at the tick that has come back.
func (t *ticker) finish() {
	failed := t.pending.Results()[0].Err != nil
	t.pending = nil
	if !failed {
		t.term = t.during
		t.settled.Store(t.term)
	}
	if _, due := t.replica.schedule(); failed || due <= t.last {
		// The machine is no further. It is asked again, but not as fast as
		// entries can be written.
		t.pause = time.Now().Add(tickPause)
	}
}
