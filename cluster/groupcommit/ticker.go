package groupcommit

import (
	"context"
	"math"
	"time"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/queue"
)

const (
	// How far ticks are apart at least. Each is an entry, a millisecond of a core on three
	// members together, whatever it does, so a hundred a second are enough however much is
	// due; what they are late by is a tenth of the shortest schedule at most.
	tickGap = 10 * time.Millisecond

	// A due time that a tick did not move is asked for again only so often.
	tickPause = 20 * time.Millisecond
)

// Ticker proposes, on the leader, an entry without requests, a tick, when the
// machine has something due. A tick that comes late, twice or from a former leader
// is harmless, for the machine decides by the entry's time alone what to do. Much that falls
// due at about the same time shares a tick: what comes soon after one waits for the next.
//
// Run is its goroutine, which owns the fields below the line. At most one tick is
// pending; nothing is polled.
type Ticker struct {
	cfg TickerConfig

	// ---
	term    uint64      // of the leadership in which an entry of ours was applied
	pending *queue.Call // the tick that is under way
	during  uint64      // the term in which it was proposed
	last    int64       // what was due at the last tick
	pause   time.Time   // nothing is proposed before
}

// TickerConfig is what a Ticker stands on, and what it goes by.
type TickerConfig struct {
	Queue   *queue.Queue
	Machine Machine
	Clock   *clock.Stamper
	Leads   func() (term uint64, ok bool)
	Changed <-chan struct{}   // token: leadership may have changed
	Moved   <-chan struct{}   // token: time or due time of the machine may have
	Settled func(term uint64) // is told the last term in which an entry of this member's was applied
}

// NewTicker is one that proposes nothing until it runs.
func NewTicker(cfg TickerConfig) *Ticker { return &Ticker{cfg: cfg} }

// Run proposes ticks until ctx ends.
func (t *Ticker) Run(ctx context.Context) {
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
		case <-t.cfg.Changed:
		case <-t.cfg.Moved:
		case <-alarm:
		case <-done:
			t.finish()
		}
	}
}

// step proposes a tick if it is time for one; otherwise it returns how long to
// wait for that, if anything is to be waited for.
func (t *Ticker) step() (wait time.Duration, ok bool) {
	term, leads := t.cfg.Leads()
	if !leads || t.pending != nil {
		return 0, false
	}
	now, due := t.cfg.Machine.Schedule()
	if term != t.term {
		// The first one of a leadership is due at once: only when an entry of
		// our own is applied does the machine know all that came before us.
		due = now
	}
	if due == math.MaxInt64 {
		return 0, false
	}
	wait, known := t.cfg.Clock.Until(due, now)
	if !known {
		return tickPause, true // the others are being asked
	}
	if wait = max(wait, time.Until(t.pause)); wait > 0 {
		return wait, true
	}
	tick := queue.NewCall(nil, true, nil)
	if err := t.cfg.Queue.Push(tick); err != nil {
		t.pause = time.Now().Add(tickPause)
		return tickPause, true
	}
	t.pending, t.during, t.last = tick, term, due
	t.pause = time.Now().Add(tickGap)
	return 0, false
}

// finish looks at the tick that has come back.
func (t *Ticker) finish() {
	failed := t.pending.Results()[0].Err != nil
	t.pending = nil
	if !failed {
		t.term = t.during
		t.cfg.Settled(t.term)
	}
	if _, due := t.cfg.Machine.Schedule(); failed || due <= t.last {
		// The machine is no further. It is asked again, but not as fast as
		// entries can be written.
		t.pause = time.Now().Add(tickPause)
	}
}
