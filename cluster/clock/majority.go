package clock

import (
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// MinBound is the least bound that makes sense: below it the round trip
	// between members hides the difference of clocks.
	MinBound = 10 * time.Millisecond

	// How long another member's clock counts after it was seen last. Quartz
	// drifts less than a millisecond meanwhile; a member that does not answer
	// for so long is gone.
	sampleLife = 10 * time.Second

	// How long the majority's time has to stay where it has stepped to before it
	// is followed: longer than a slip of an operator or a time server takes to be
	// put right, short enough that nobody minds if the step was right.
	stepPatience = 30 * time.Second
)

// Majority compares this member's wall clock with those of the others, as in
// Cristian's algorithm.
//
// Each clock is kept as what it shows beyond this member's monotonic clock, which
// nobody can set. So a wall clock that is set here shows at the next look, not
// only when the others are asked again.
//
// The clocks of members that vote count, for those can lead.
//
// Safe for concurrent use: mu guards the members, the samples and what is followed.
type Majority struct {
	wall  func(time.Time) int64
	bound int64     // microseconds
	start time.Time // zero of the monotonic scale

	mu     sync.Mutex
	quorum int             // clocks that are a majority; 0 while the members are not known
	votes  bool            // this member's own clock counts
	voters map[string]bool // the others whose clocks count
	others map[string]sample
	steady steady
}

// sample is another member's clock as it was seen last.
type sample struct {
	beyond int64 // what it shows beyond our monotonic clock
	slack  int64 // by how much that may be wrong: half of the round trip
	at     int64 // when it was seen, by our monotonic clock
}

// NewMajority compares the clocks of no members yet. A clock may be off by the
// bound. wall is what this member's wall clock shows, in unix microseconds; nil
// for that of the system.
func NewMajority(bound time.Duration, wall func(time.Time) int64) *Majority {
	if wall == nil {
		wall = time.Time.UnixMicro
	}
	return &Majority{
		wall:   wall,
		bound:  bound.Microseconds(),
		start:  time.Now(),
		others: map[string]sample{},
	}
}

// Follow makes the others known that vote, and whether this member does.
func (m *Majority) Follow(others []string, votes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.votes, m.voters = votes, map[string]bool{}
	for _, id := range others {
		m.voters[id] = true
	}
	m.quorum = len(others)/2 + 1
	if votes {
		m.quorum = (len(others)+1)/2 + 1
	}
	maps.DeleteFunc(m.others, func(id string, _ sample) bool { return !m.voters[id] })
}

// Wall is what this member's wall clock shows, in unix microseconds.
func (m *Majority) Wall(at time.Time) int64 { return m.wall(at) }

func (m *Majority) monotonic(at time.Time) int64 { return at.Sub(m.start).Microseconds() }

// Note takes down what another member's clock showed between two moments.
func (m *Majority) Note(id string, asked, answered time.Time, wall int64) {
	slack := answered.Sub(asked).Microseconds() / 2
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.voters[id] {
		return
	}
	now := m.monotonic(answered)
	m.others[id] = sample{beyond: wall - (now - slack), slack: slack, at: now}
}

// trusted is the time that a majority's clocks stand for at the moment: what this
// member's own clock shows where that is within the bound of the majority's time,
// else the majority's time. It is false while a majority's clocks are not known.
func (m *Majority) trusted(at time.Time) (micros int64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.monotonic(at)
	majority, ok := m.majority(at)
	if !ok {
		return 0, false
	}
	beyond := m.own(at)
	if apart(beyond, majority) > m.bound {
		beyond = majority
	}
	return now + m.steady.follow(beyond, now, m.bound), true
}

// Ahead is by how much this member's clock is ahead of the majority's time; zero
// when that is not known.
func (m *Majority) Ahead(at time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	majority, ok := m.majority(at)
	if !ok {
		return 0
	}
	return time.Duration(m.own(at)-majority) * time.Microsecond
}

// off tells whether a majority of the members have clocks that are all ahead of
// this member's, or all behind it, by more than the bound. Two clocks that differ
// do not show which of them is wrong. A clock that was off is so until it is well
// within the bound, lest leadership go to and fro with the noise of measuring.
func (m *Majority) off(at time.Time, was bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	own, now, bound := m.own(at), m.monotonic(at), m.bound
	if was {
		bound /= 2
	}
	var before, behind int
	for _, s := range m.others {
		if now-s.at > sampleLife.Microseconds() || apart(s.beyond, own) <= bound+s.slack {
			continue
		}
		if s.beyond > own {
			before++
		} else {
			behind++
		}
	}
	return m.quorum > 0 && max(before, behind) >= m.quorum
}

// own is what this member's clock shows beyond the monotonic one.
func (m *Majority) own(at time.Time) int64 { return m.wall(at) - m.monotonic(at) }

// majority is the latest time that the clocks of a majority have reached, beyond
// the monotonic clock. A clock that is not known counts as one that has not.
func (m *Majority) majority(at time.Time) (beyond int64, ok bool) {
	var known []int64
	if m.votes {
		known = append(known, m.own(at))
	}
	for _, s := range m.others {
		if m.monotonic(at)-s.at <= sampleLife.Microseconds() {
			known = append(known, s.beyond)
		}
	}
	if m.quorum == 0 || len(known) < m.quorum {
		return 0, false
	}
	slices.Sort(known)
	return known[len(known)-m.quorum], true
}

func apart(a, b int64) int64 { return max(a-b, b-a) }

// steady follows a time, given as what it is beyond the monotonic clock. A step
// of more than a bound it follows only when the time has stayed there for
// stepPatience: clocks of a majority that are wrong for a few seconds, or that of
// a cluster of one, do no harm.
type steady struct {
	begun  bool
	beyond int64 // what is followed
	step   int64 // where the time has stepped to
	since  int64 // when; by the monotonic clock
	waits  bool  // there is a step that is not followed yet
}

func (s *steady) follow(beyond, now, bound int64) int64 {
	switch {
	case !s.begun || apart(beyond, s.beyond) <= bound:
		s.begun, s.beyond, s.waits = true, beyond, false
	case !s.waits || apart(beyond, s.step) > bound:
		s.waits, s.step, s.since = true, beyond, now
	case now-s.since >= stepPatience.Microseconds():
		s.beyond, s.waits = beyond, false
	}
	return s.beyond
}
