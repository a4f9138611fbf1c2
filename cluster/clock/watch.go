package clock

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	// The key of this reason against leading.
	reasonKey = "clock"

	// How often the clock is looked at: often enough that a clock that is set
	// is noticed within a second.
	lookPeriod = 500 * time.Millisecond

	// How long the cluster may be without a leader before a member whose clock
	// is off may lead after all, and for how long it may then.
	truceLength = 3 * time.Second
)

// Fitness takes reasons against leading and takes them back.
type Fitness interface {
	Forbid(key, reason string)
	Allow(key string)
}

// Watch keeps a member whose clock is off from leading, and says so.
//
// That is no matter of safety: entries are stamped with the majority's time,
// whoever leads. So it gives way where it would leave the cluster without a
// leader, as when all clocks differ and the one that is right cannot be elected.
//
// The goroutine that calls Run owns all fields below the line; the others are
// fixed.
type Watch struct {
	clocks  *Majority
	fitness Fitness
	led     func() bool
	log     *slog.Logger

	// ---
	own        int64 // what the wall clock showed beyond the monotonic one
	looked     bool  // own is set
	off        bool
	leaderless time.Time // since when no leader is known; zero when one is
	truce      time.Time // until when the clock is no reason
}

// NewWatch returns a Watch. led tells whether a leader is known.
func NewWatch(m *Majority, fit Fitness, led func() bool, log *slog.Logger) *Watch {
	return &Watch{clocks: m, fitness: fit, led: led, log: log}
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(lookPeriod)
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

func (w *Watch) look(at time.Time) {
	w.noteStep(at)
	w.clocks.trusted(at) // so that a step is followed in time, whoever asks next
	w.off = w.clocks.off(at, w.off)
	if w.off && !w.grantTruce(at) {
		w.fitness.Forbid(reasonKey, "its clock is "+aside(w.clocks.Ahead(at))+" those of most members")
		return
	}
	w.fitness.Allow(reasonKey)
}

// noteStep tells when somebody has set this machine's clock.
func (w *Watch) noteStep(at time.Time) {
	own := w.clocks.own(at)
	if w.looked && apart(own, w.own) > w.clocks.bound {
		step := time.Duration(own-w.own) * time.Microsecond
		w.log.Warn("the clock of this machine was set, or the machine was suspended", "step", step.Round(time.Millisecond))
	}
	w.own, w.looked = own, true
}

// grantTruce tells whether the clock is no reason for now.
func (w *Watch) grantTruce(at time.Time) bool {
	switch {
	case at.Before(w.truce):
		return true
	case w.led():
		w.leaderless = time.Time{}
	case w.leaderless.IsZero():
		w.leaderless = at
	case at.Sub(w.leaderless) > truceLength:
		w.leaderless, w.truce = time.Time{}, at.Add(truceLength)
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
