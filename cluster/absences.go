package cluster

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// absences knows why other members are not heard, so that a member without a
// leader can say what it waits for. Each reason is logged once, until the member
// it is about, or a leader, is there again: raft tries several times a second.
//
// look is called by one goroutine, the rest from anywhere.
type absences struct {
	log   *slog.Logger
	peers map[string]string // id to address
	limit time.Duration     // without a leader, by the clock
	clock *runClock
	leads func() bool // somebody does

	// Owned by look.
	since  time.Duration   // when a leader was known last, or a majority was heard first
	there  bool            // a majority is heard
	waited map[string]bool // what was said about it since

	mu  sync.Mutex
	why map[string]string // by id, of those that are not heard
	was map[string]string // the refusal of each that was logged last
}

func newAbsences(cfg Config, log *slog.Logger, clock *runClock, leads func() bool) *absences {
	return &absences{
		log:    log,
		peers:  newSelf(cfg, nil).peers,
		limit:  leaderlessGrace * cfg.ElectionTimeout,
		clock:  clock,
		leads:  leads,
		since:  clock.now(),
		waited: map[string]bool{},
		why:    map[string]string{},
		was:    map[string]string{},
	}
}

// missed notes that a member could not be asked. What it, or its address, says
// in the handshake is worth a line at once: that does not pass by waiting.
func (a *absences) missed(id string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !refusal(err) {
		a.why[id] = "nothing answers at " + a.peers[id]
		return
	}
	why := strings.TrimPrefix(err.Error(), fmt.Sprintf("%v with %s: ", errHandshake, id))
	a.why[id] = why
	if a.was[id] != why {
		a.was[id] = why
		a.log.Warn("no connection to "+id+": "+why, "address", a.peers[id])
	}
}

// refusal tells whether the other side has spoken, rather than been silent.
func refusal(err error) bool {
	var silent net.Error
	return errors.Is(err, errHandshake) && !errors.As(err, &silent) &&
		!errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// heard notes that a member answers.
func (a *absences) heard(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.why, id)
	delete(a.was, id)
}

// reasons returns who is not heard, in order, and why.
func (a *absences) reasons() (ids, why []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids = slices.Sorted(maps.Keys(a.why))
	for _, id := range ids {
		why = append(why, id+": "+a.why[id])
	}
	return ids, why
}

// String says whom this member waits for.
func (a *absences) String() string {
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
func (a *absences) majority(absent int) bool { return 2*absent < len(a.peers) }

// look says once whom this member waits for, when it has been without a leader
// for some time.
func (a *absences) look() {
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
	if said := a.String(); !a.waited[said] && len(a.waited) < maxAbsencesTold {
		a.waited[said] = true
		a.log.Warn("no leader: this member " + said)
	}
}
