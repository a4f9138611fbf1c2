package health

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpsc/bpsc/internal/identity"
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
	limit time.Duration // without a leader, by the clock
	clock *RunClock
	leads func() bool // somebody does

	// Owned by Look.
	since  time.Duration   // when a leader was known last, or a majority was heard first
	there  bool            // a majority is heard
	waited map[string]bool // what was said about it since

	mu     sync.Mutex
	addrs  map[string]string // of all members by identity, this one included
	voters map[string]bool
	why    map[string]string // by identity, of those that are not heard
	was    map[string]string // the refusal of each that was logged last
}

// NewAbsences watches the members of a cluster. leads tells
// whether a leader is known; without one for limit, the log says who is missing.
func NewAbsences(log *slog.Logger, limit time.Duration, clock *RunClock, leads func() bool) *Absences {
	return &Absences{
		log:    log,
		limit:  limit,
		clock:  clock,
		leads:  leads,
		since:  clock.now(),
		waited: map[string]bool{},
		why:    map[string]string{},
		was:    map[string]string{},
	}
}

// Follow makes the members known, identities to addresses, and which of them vote.
func (a *Absences) Follow(addrs map[string]string, voters []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.addrs, a.voters = maps.Clone(addrs), map[string]bool{}
	for _, id := range voters {
		a.voters[id] = true
	}
	gone := func(id, _ string) bool { _, there := addrs[id]; return !there }
	maps.DeleteFunc(a.why, gone)
	maps.DeleteFunc(a.was, gone)
}

// Missed notes that a member could not be asked: because it refused and why, or
// with an empty reason because nothing answers. A refusal is logged at once, for
// it does not pass by waiting.
func (a *Absences) Missed(id, refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	addr, member := a.addrs[id]
	if !member {
		return
	}
	if refusal == "" {
		a.why[id] = "nothing answers at " + addr
		return
	}
	a.why[id] = refusal
	if a.was[id] != refusal {
		a.was[id] = refusal
		a.log.Warn("no connection to "+identity.Identity(id).ID()+": "+refusal, "address", addr)
	}
}

// Heard notes that a member answers.
func (a *Absences) Heard(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.why, id)
	delete(a.was, id)
}

// reasons returns who of those that vote is not heard, in order, and why; and whether
// the others are a majority.
func (a *Absences) reasons() (ids, why []string, majority bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(a.why)) {
		if a.voters[name] {
			id := identity.Identity(name).ID()
			ids, why = append(ids, id), append(why, id+": "+a.why[name])
		}
	}
	return ids, why, 2*len(ids) < len(a.voters)
}

// String says whom this member waits for.
func (a *Absences) String() string {
	ids, why, majority := a.reasons()
	switch {
	case !a.hasVoters():
		return "waits to be added to a cluster"
	case len(ids) == 0:
		return "hears all others, and none of them leads yet"
	case majority:
		return "hears a majority, and none of it leads yet (" + strings.Join(why, "; ") + ")"
	}
	return "waits for " + strings.Join(ids, ", ") + " (" + strings.Join(why, "; ") + ")"
}

func (a *Absences) hasVoters() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.voters) > 0
}

// Look says once whom this member waits for, when it has been without a leader
// for some time.
func (a *Absences) Look() {
	if a.leads() {
		a.since = a.clock.now()
		clear(a.waited)
		return
	}
	_, _, there := a.reasons()
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
