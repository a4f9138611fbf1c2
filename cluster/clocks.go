package cluster

import (
	"slices"
	"sync"
	"time"
)

// clocks compares this member's wall clock with those of the others, so that no
// entry's time runs ahead because one machine's clock does.
//
// Each clock is kept as what it shows beyond this member's monotonic clock, which
// nobody can set. So a wall clock that is set here shows at the next look, not
// only when the others are asked again.
//
// Safe for concurrent use.
type clocks struct {
	wall   func(time.Time) int64 // what this member's wall clock shows, in unix microseconds
	bound  int64                 // microseconds; see Config.ClockBound
	quorum int
	start  time.Time // zero of the monotonic scale

	mu     sync.Mutex
	others map[string]clockSample // by member
	steady steady
}

// clockSample is another member's clock as it was seen last.
type clockSample struct {
	beyond int64 // what it shows beyond our monotonic clock
	slack  int64 // by how much that may be wrong: half of the round trip
	at     int64 // when it was seen, by our monotonic clock
}

func newClocks(cfg Config) *clocks {
	wall := cfg.wall
	if wall == nil {
		wall = time.Time.UnixMicro
	}
	return &clocks{
		wall:   wall,
		bound:  cfg.ClockBound.Microseconds(),
		quorum: len(cfg.Peers)/2 + 1,
		start:  time.Now(),
		others: map[string]clockSample{},
	}
}

func (c *clocks) monotonic(at time.Time) int64 { return at.Sub(c.start).Microseconds() }

// note takes down what another member's clock showed between two moments.
func (c *clocks) note(id string, asked, answered time.Time, wall int64) {
	slack := answered.Sub(asked).Microseconds() / 2
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.monotonic(answered)
	c.others[id] = clockSample{beyond: wall - (now - slack), slack: slack, at: now}
}

// trusted is the time that a majority's clocks stand for at the moment: what this
// member's own clock shows where that is within the bound of the majority's time,
// else the majority's time. It is false while a majority's clocks are not known.
func (c *clocks) trusted(at time.Time) (micros int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.monotonic(at)
	majority, ok := c.majority(at)
	if !ok {
		return 0, false
	}
	beyond := c.own(at)
	if apart(beyond, majority) > c.bound {
		beyond = majority
	}
	return now + c.steady.follow(beyond, now, c.bound), true
}

// ahead is by how much this member's clock is ahead of the majority's time; zero
// when that is not known.
func (c *clocks) ahead(at time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	majority, ok := c.majority(at)
	if !ok {
		return 0
	}
	return time.Duration(c.own(at)-majority) * time.Microsecond
}

// off tells whether a majority of the members have clocks that are all ahead of
// this member's, or all behind it, by more than the bound. Two clocks that differ
// do not show which of them is wrong. A clock that was off is so until it is well
// within the bound, lest leadership go to and fro with the noise of measuring.
func (c *clocks) off(at time.Time, was bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, now, bound := c.own(at), c.monotonic(at), c.bound
	if was {
		bound /= 2
	}
	var before, behind int
	for _, s := range c.others {
		if now-s.at > clockMemory.Microseconds() || apart(s.beyond, own) <= bound+s.slack {
			continue
		}
		if s.beyond > own {
			before++
		} else {
			behind++
		}
	}
	return max(before, behind) >= c.quorum
}

// own is what this member's clock shows beyond the monotonic one.
func (c *clocks) own(at time.Time) int64 { return c.wall(at) - c.monotonic(at) }

// majority is the latest time that the clocks of a majority have reached, beyond
// the monotonic clock. A clock that is not known counts as one that has not.
func (c *clocks) majority(at time.Time) (beyond int64, ok bool) {
	known := []int64{c.own(at)}
	for _, s := range c.others {
		if c.monotonic(at)-s.at <= clockMemory.Microseconds() {
			known = append(known, s.beyond)
		}
	}
	if len(known) < c.quorum {
		return 0, false
	}
	slices.Sort(known)
	return known[len(known)-c.quorum], true
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
