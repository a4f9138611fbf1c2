package cluster

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// errUnfit is what raft gets for a message that an unfit member does not send.
var errUnfit = errors.New("this member must not lead now")

// fitness is whether this member may lead: it holds the reasons for which it
// must not, each under the key of whoever found it and takes it back. They say
// nothing about following: an unfit member stores entries and votes for others.
//
// raft has no way to step down that is safe to use (hashicorp/raft#696), so an
// unfit member falls silent: serialTransport sends nothing that asks for votes
// or claims leadership. A leader so loses its lease and the others elect one of
// them, and a member that follows cannot win an election. From the first moment
// a leader takes no more requests (Member.IsLeader); what it has handed to raft
// gets a short time to reach the others, so that no outcome is left open without
// need and no entry makes its log longer than theirs, which would keep them from
// being elected.
//
// If every member is unfit nobody leads. A reason that the others could have as
// well must therefore end by itself.
//
// Safe for concurrent use.
type fitness struct {
	log   *slog.Logger
	grace time.Duration // for what is in flight when the first reason comes

	mu       sync.Mutex
	flights  func() int // entries handed to raft without an outcome yet
	reasons  map[string]string
	since    time.Time // of the first of them
	watchers []chan raft.Observation
}

func newFitness(log *slog.Logger, grace time.Duration) *fitness {
	return &fitness{log: log, grace: grace, flights: func() int { return 0 }, reasons: map[string]string{}}
}

// forbid adds a reason against leading, or words the one under that key anew. It
// is logged once, until it is taken back.
func (f *fitness) forbid(key, reason string) {
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

// allow takes the reason under that key back.
func (f *fitness) allow(key string) {
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

// inFlight tells how to learn of entries without an outcome.
func (f *fitness) inFlight(flights func() int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flights = flights
}

// watch adds a channel that gets a token with every change.
func (f *fitness) watch(ch chan raft.Observation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, ch)
}

func (f *fitness) notify() {
	for _, ch := range f.watchers {
		select {
		case ch <- raft.Observation{}:
		default:
		}
	}
}

// fit tells whether this member may lead.
func (f *fitness) fit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reasons) == 0
}

// why returns the reasons against it, in the order of their keys.
func (f *fitness) why() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var why []string
	for _, key := range slices.Sorted(maps.Keys(f.reasons)) {
		why = append(why, f.reasons[key])
	}
	return why
}

// silent tells whether nothing may go out by which this member leads.
func (f *fitness) silent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reasons) > 0 && (f.flights() == 0 || time.Since(f.since) > f.grace)
}
