package attempt

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"
)

// Timeout is how long a server may take to accept a connection and to answer, before
// the next one is tried: longer than an election.
const Timeout = 5 * time.Second

const (
	// firstPause and lastPause bound the wait between rounds over all servers,
	// before jitter: an election takes some hundred milliseconds.
	firstPause = 20 * time.Millisecond
	lastPause  = 500 * time.Millisecond

	// leastAttempt is the time that must be left for an attempt after the first
	// round: what a server takes to say that it has no leader. One that is cut off
	// has an unknown outcome, where there would have been none.
	leastAttempt = 100 * time.Millisecond
)

// Rounds yields at once, and then after one pause after the other, each longer than
// the one before, until ctx has ended or will before another attempt is likely to.
// In a round each server is tried once. Pauses vary, so that those that failed
// together do not come back together.
func Rounds(ctx context.Context) iter.Seq[int] {
	return func(yield func(round int) bool) {
		pause := firstPause
		for round := 0; yield(round) && wait(ctx, pause/2+rand.N(pause/2)); round++ {
			pause = min(2*pause, lastPause)
		}
	}
}

// wait tells whether there is time for another round after the pause.
func wait(ctx context.Context, pause time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < pause+leastAttempt {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// History is what became of a request at all servers so far.
type History struct {
	Open bool  // some attempt may have been applied
	Last error // why the last one was not the end
}

// Note adds an attempt that was not the end. What a server said is worth more than
// that the time ran out.
func (h *History) Note(ctx context.Context, v Verdict, why error) {
	h.Open = h.Open || v == Unknown
	if h.Last == nil || ctx.Err() == nil {
		h.Last = why
	}
}
