package health

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Fitness is whether this member may lead: it holds the reasons for which it
// must not, each under the key of whoever found it and takes it back. They say
// nothing about following: an unfit member stores entries and votes for others.
//
// raft has no way to step down that is safe to use (hashicorp/raft#696), so an
// unfit member falls silent: its transport sends nothing that asks for votes
// or claims leadership. A leader so loses its lease and the others elect one of
// them, and a member that follows cannot win an election. From the first moment
// a leader takes no more requests; what it has handed to raft
// gets a short time to reach the others, so that no outcome is left open without
// need and no entry makes its log longer than theirs, which would keep them from
// being elected.
//
// If every member is unfit nobody leads. A reason that the others could have as
// well must therefore end by itself.
//
// Safe for concurrent use: mu guards all that changes, and is held while watchers
// are called, which must not wait.
type Fitness struct {
	log   *slog.Logger
	grace time.Duration // for what is in flight when the first reason comes

	mu       sync.Mutex
	flights  func() int // entries handed to raft without an outcome yet
	reasons  map[string]string
	since    time.Time // of the first of them
	watchers []func()
}

// NewFitness returns that of a member that may lead. When that ends, what is in
// flight has the grace to reach the others.
func NewFitness(log *slog.Logger, grace time.Duration) *Fitness {
	return &Fitness{log: log, grace: grace, flights: func() int { return 0 }, reasons: map[string]string{}}
}

// Forbid adds a reason against leading, or replaces the one under that key. It is
// logged once, until it is taken back.
func (f *Fitness) Forbid(key, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, had := f.reasons[key]
	if len(f.reasons) == 0 {
		f.since = time.Now()
	}
	f.reasons[key] = reason
	if !had {
		f.log.Warn("this member must not lead", "reason", reason)
		f.notify()
	}
}

// Allow takes the reason under that key back.
func (f *Fitness) Allow(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reason, had := f.reasons[key]
	if !had {
		return
	}
	delete(f.reasons, key)
	f.log.Info("a reason against leading is gone", "reason", reason, "others", len(f.reasons))
	f.notify()
}

// InFlight tells how to learn of entries without an outcome.
func (f *Fitness) InFlight(flights func() int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flights = flights
}

// Watch adds a function that is called with every change.
func (f *Fitness) Watch(changed func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, changed)
}

func (f *Fitness) notify() {
	for _, changed := range f.watchers {
		changed()
	}
}

// Fit tells whether this member may lead.
func (f *Fitness) Fit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reasons) == 0
}

// Why returns the reasons against it, in the order of their keys.
func (f *Fitness) Why() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var why []string
	for _, key := range slices.Sorted(maps.Keys(f.reasons)) {
		why = append(why, f.reasons[key])
	}
	return why
}

// Silent tells whether nothing may go out by which this member leads.
func (f *Fitness) Silent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reasons) > 0 && (f.flights() == 0 || time.Since(f.since) > f.grace)
}
