// Package vacancy is whose turn it is to stand for election once nobody leads: a
// majority of the voters knows of no leader that they still hear, and they stand one
// after the other, in an order that no two of them share.
//
// raft's own way is a random time-out for each, and when two stand at once another one.
// It stays, for whatever is not noticed here.
package vacancy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

const (
	// Step is between two turns: enough for the one before to write its vote and to be
	// heard, also on a busy machine. Both are twice as long after every time that a member
	// has stood in vain: where disks are slow, or members far from each other, the next
	// would otherwise stand each time before it hears of the one before.
	Step = 25 * time.Millisecond

	// Round is what somebody who stands has until the next turn: time to win, and to be
	// heard as the leader.
	Round = 100 * time.Millisecond

	// maxStands is how often a member stands in one vacancy. Whoever has not won by then
	// will not win by standing more often, and each time moves the term.
	maxStands = 4
)

// Voter is one of those that vote, as it is known at a moment.
type Voter struct {
	ID     string
	Heard  bool // it answers; if it does not, the rest is unknown
	Vacant bool // it knows of no leader that it hears
	Stands bool // it is a candidate
	Term   uint64
	Last   uint64 // the last entry of its log, which does not grow while it is vacant
}

// vouches tells whether a member says that it has no leader.
func (o Voter) vouches() bool { return o.Heard && o.Vacant }

// View is what one member sees at a moment.
type View struct {
	Self   Voter
	Leader string  // whom its raft still names; empty when nobody is known to lead in its term
	May    bool    // it votes, and is fit to lead
	Others []Voter // the other voters
}

// Watch decides for one member when to stand. It is used by one goroutine.
type Watch struct {
	began  time.Time // of the vacancy as this member sees it; zero when somebody leads
	since  time.Time // what the turns are counted from: all see it at about the same time
	leader string    // who led before it, if this member followed one
	late   bool      // somebody stands, or may: nobody leads in this term
	seen   race
	vouch  string // who says that there is no leader
	stands int
}

// race is who is in it: when it changes, somebody stands.
type race struct {
	term       uint64
	candidates string
}

// Look tells whether it is this member's turn now. After every turn that it is told of
// it stands.
func (w *Watch) Look(now time.Time, v View) bool {
	if !v.Self.Vacant {
		*w = Watch{}
		return false
	}
	seen := v.race()
	if w.began.IsZero() {
		// A term without a leader has begun with an election, which may be under way.
		w.began, w.seen, w.late = now, seen, v.Leader == ""
	}
	w.leader = cmp.Or(v.Leader, w.leader)
	v.Leader = w.leader
	if seen != w.seen {
		w.seen, w.since, w.late = seen, now, true
	}
	vouch, majority := v.vouching()
	if vouch != w.vouch {
		w.vouch, w.since = vouch, now
	}
	if !majority || !v.May || w.stands == maxStands || now.Before(w.since.Add(w.wait(v))) {
		return false
	}
	w.stands++
	w.since, w.late = now, true
	return true
}

// wait is how long after the beginning this member's turn is.
func (w *Watch) wait(v View) time.Duration {
	wait := time.Duration(Turn(v)) * Step
	if w.late {
		wait += Round
	}
	return wait << w.stands
}

// Pace is how long to wait before the next look, and before the others are asked again:
// next to nothing while it may be a matter of milliseconds, and seldom in a vacancy that
// lasts. Zero means that nobody is missed.
func (w *Watch) Pace(now time.Time) time.Duration {
	if w.began.IsZero() {
		return 0
	}
	return min(max(now.Sub(w.began)/50, 3*time.Millisecond), 500*time.Millisecond)
}

// vouching is who says that there is no leader, and whether that is most voters, this one
// among them.
func (v View) vouching() (who string, majority bool) {
	ids := []string{v.Self.ID}
	for _, o := range v.Others {
		if o.vouches() {
			ids = append(ids, o.ID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " "), 2*len(ids) > len(v.Others)+1
}

func (v View) race() (r race) {
	var candidates []string
	for _, o := range append([]Voter{v.Self}, v.Others...) {
		if o.ID == v.Self.ID || o.Heard {
			r.term = max(r.term, o.Term)
			if o.Stands {
				candidates = append(candidates, o.ID)
			}
		}
	}
	slices.Sort(candidates)
	r.candidates = strings.Join(candidates, " ")
	return r
}

// Turn is the place of the member in the order of those left. Where it knows all of
// them, and they are vacant, so that their logs do not grow, the one with the longest log
// is first, for a shorter one might not be elected; by id where that says nothing. Where
// it does not, its place is by id behind all of those. The leader that they lost is not among
// them, also where it is back: it may be so for one of them and not for another one yet. Who
// knows of no leader, as one does who led itself, comes behind all who do, for they have not
// counted it; those have an order among them in the same way. So no two have the same place,
// whatever each of them knows, unless they have lost different leaders.
func Turn(v View) int {
	voters := append([]Voter{v.Self}, v.Others...)
	slices.SortFunc(voters, func(a, b Voter) int { return strings.Compare(a.ID, b.ID) })
	self := func(o Voter) bool { return o.ID == v.Self.ID }
	first := 0
	if (v.Leader == "" || v.Leader == v.Self.ID) && len(v.Others) > 0 {
		first = 2 * len(voters)
	}
	left := slices.DeleteFunc(slices.Clone(voters), func(o Voter) bool { return o.ID == v.Leader && !self(o) })
	if slices.ContainsFunc(left, func(o Voter) bool { return !o.vouches() && !self(o) }) {
		return first + len(voters) + slices.IndexFunc(voters, self)
	}
	slices.SortStableFunc(left, func(a, b Voter) int { return cmp.Compare(b.Last, a.Last) })
	return first + slices.IndexFunc(left, self)
}
