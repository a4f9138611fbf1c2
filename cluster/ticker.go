package cluster

import (
	"context"
	"math"
	"time"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/queue"
)

// duties is what a leader does of its own accord: it proposes an entry without
// requests, a tick, when the machine has something due. A tick that comes late,
// twice or from a former leader is harmless, for the machine decides by the
// entry's time alone what to do.
//
// run is its goroutine, which owns all other fields. At most one tick is in
// flight; nothing is polled.
type duties struct {
	queue   *queue.Queue
	replica *replica
	clock   *clock.Stamper
	leads   func() (term uint64, ok bool)
	changed chan struct{} // token: leadership may have changed

	term   uint64      // of the leadership in which an entry of ours was applied
	flight *queue.Call // the tick that is under way
	during uint64      // the term in which it was proposed
	last   int64       // what was due at the last tick
	pause  time.Time
}

func (d *duties) run(ctx context.Context) {
	for {
		var alarm <-chan time.Time
		if wait, ok := d.step(); ok {
			alarm = time.After(wait)
		}
		var landed chan struct{}
		if d.flight != nil {
			landed = d.flight.Finished
		}
		select {
		case <-ctx.Done():
			return
		case <-d.changed:
		case <-d.replica.changed:
		case <-alarm:
		case <-landed:
			d.land()
		}
	}
}

// step proposes a tick if it is time for one; otherwise it returns how long to
// wait for that, if anything is to be waited for.
func (d *duties) step() (wait time.Duration, ok bool) {
	term, leads := d.leads()
	if !leads || d.flight != nil {
		return 0, false
	}
	now, due := d.replica.schedule()
	if term != d.term {
		// The first one of a leadership is due at once: only when an entry of
		// our own is applied does the machine know all that came before us.
		due = now
	}
	if due == math.MaxInt64 {
		return 0, false
	}
	wait, known := d.clock.Until(due, now)
	if !known {
		return tickPause, true // the others are being asked
	}
	if wait = max(wait, time.Until(d.pause)); wait > 0 {
		return wait, true
	}
	tick := queue.NewCall(nil, true, nil)
	if err := d.queue.Push(tick); err != nil {
		d.pause = time.Now().Add(tickPause)
		return tickPause, true
	}
	d.flight, d.during, d.last = tick, term, due
	return 0, false
}

// land looks at the tick that has come back.
func (d *duties) land() {
	failed := d.flight.Results()[0].Err != nil
	d.flight = nil
	if !failed {
		d.term = d.during
	}
	if _, due := d.replica.schedule(); failed || due <= d.last {
		// The machine is no further. It is asked again, but not as fast as
		// entries can be written.
		d.pause = time.Now().Add(tickPause)
	}
}
