package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// clockReason is the key of this reason against leading.
const clockReason = "clock"

// clockWatch keeps a member whose clock is off from leading, and says so.
//
// That is no matter of safety: entries are stamped with the majority's time,
// whoever leads. So it gives way where it would leave the cluster without a
// leader, as when all clocks differ and the one that is right cannot be elected.
//
// run is its goroutine, which owns the fields below the line.
type clockWatch struct {
	clocks  *clocks
	fitness *fitness
	led     func() bool // whether a leader is known
	log     *slog.Logger

	// ---
	own        int64 // what the wall clock showed beyond the monotonic one
	looked     bool  // own is set
	off        bool
	leaderless time.Time // since when no leader is known; zero when one is
	truce      time.Time // until when the clock is no reason
}

func (w *clockWatch) run(ctx context.Context) {
	tick := time.NewTicker(statusPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look(time.Now())
		}
	}
}

func (w *clockWatch) look(at time.Time) {
	w.noteStep(at)
	w.clocks.trusted(at) // so that a step is followed in time, whoever asks next
	w.off = w.clocks.off(at, w.off)
	if w.off && !w.grantTruce(at) {
		w.fitness.forbid(clockReason, "its clock is "+aside(w.clocks.ahead(at))+" those of most members")
		return
	}
	w.fitness.allow(clockReason)
}

// noteStep tells when somebody has set this machine's clock.
func (w *clockWatch) noteStep(at time.Time) {
	own := w.clocks.own(at)
	if w.looked && apart(own, w.own) > w.clocks.bound {
		step := time.Duration(own-w.own) * time.Microsecond
		w.log.Warn("the clock of this machine was set, or the machine was suspended", "step", step.Round(time.Millisecond))
	}
	w.own, w.looked = own, true
}

// grantTruce tells whether the clock is no reason for now.
func (w *clockWatch) grantTruce(at time.Time) bool {
	switch {
	case at.Before(w.truce):
		return true
	case w.led():
		w.leaderless = time.Time{}
	case w.leaderless.IsZero():
		w.leaderless = at
	case at.Sub(w.leaderless) > clockTruce:
		w.leaderless, w.truce = time.Time{}, at.Add(clockTruce)
		return true
	}
	return false
}

// aside says how far one clock is from others.
func aside(ahead time.Duration) string {
	if ahead < 0 {
		return fmt.Sprintf("%v behind", (-ahead).Round(time.Millisecond))
	}
	return fmt.Sprintf("%v ahead of", ahead.Round(time.Millisecond))
}
