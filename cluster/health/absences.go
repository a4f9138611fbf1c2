package health

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxTold bounds the different messages about who is missing, while there is no
// leader. Members that come and go must not fill the log.
const maxTold = 32

// Absences knows why other members are not heard, so that a member without a
// leader can say what it waits for. Each reason is logged once, until the member
// it is about, or a leader, is there again: raft tries several times a second.
//
// One goroutine calls Look and owns the fields that say so; mu guards the rest,
// and the other methods may be called from anywhere.
type Absences struct {
	log   *slog.Logger
	peers map[string]string // id to address
	limit time.Duration     // without a leader, by the clock
	clock *RunClock
	leads func() bool // somebody does

	// Owned by Look.
	since  time.Duration   // when a leader was known last, or a majority was heard first
	there  bool            // a majority is heard
	waited map[string]bool // what was said about it since

	mu  sync.Mutex
	why map[string]string // by id, of those that are not heard
	was map[string]string // the refusal of each that was logged last
}

// NewAbsences watches a cluster of these members, ids to addresses. leads tells
// whether a leader is known; without one for limit, the log says who is missing.
func NewAbsences(log *slog.Logger, peers map[string]string, limit time.Duration, clock *RunClock, leads func() bool) *Absences {
	return &Absences{
		log:    log,
		peers:  peers,
		limit:  limit,
		clock:  clock,
		leads:  leads,
		since:  clock.now(),
		waited: map[string]bool{},
		why:    map[string]string{},
		was:    map[string]string{},
	}
}

// Missed notes that a member could not be asked: because it refused and why, or
// with an empty reason because nothing answers. A refusal is logged at once, for
// it does not pass by waiting.
func (a *Absences) Missed(id, refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if refusal == "" {
		a.why[id] = "nothing answers at " + a.peers[id]
		return
	}
	a.why[id] = refusal
	if a.was[id] != refusal {
		a.was[id] = refusal
		a.log.Warn("no connection to "+id+": "+refusal, "address", a.peers[id])
	}
}

// Heard notes that a member answers.
func (a *Absences) Heard(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.why, id)
	delete(a.was, id)
}

// reasons returns who is not heard, in order, and why.
func (a *Absences) reasons() (ids, why []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids = slices.Sorted(maps.Keys(a.why))
	for _, id := range ids {
		why = append(why, id+": "+a.why[id])
	}
	return ids, why
}

// String says whom this member waits for.
func (a *Absences) String() string {
	ids, why := a.reasons()
	switch {
	case len(ids) == 0:
		return "hears all others, and none of them leads yet"
	case a.majority(len(ids)):
		return "hears a majority, and none of it leads yet (" + strings.Join(why, "; ") + ")"
	}
	return "waits for " + strings.Join(ids, ", ") + " (" + strings.Join(why, "; ") + ")"
}

// majority tells whether a majority is there when so many are not.
func (a *Absences) majority(absent int) bool { return 2*absent < len(a.peers) }

// Look says once whom this member waits for, when it has been without a leader
// for some time.
func (a *Absences) Look() {
	if a.leads() {
		a.since = a.clock.now()
		clear(a.waited)
		return
	}
	ids, _ := a.reasons()
	there := a.majority(len(ids))
	if there && !a.there {
		a.since = a.clock.now() // they need time for an election
	}
	a.there = there
	if a.clock.now()-a.since <= a.limit {
		return
	}
	if said := a.String(); !a.waited[said] && len(a.waited) < maxTold {
		a.waited[said] = true
		a.log.Warn("no leader: this member " + said)
	}
}
