// Package events keeps what happened to a cluster, as one member learned of it, for people.
// Nothing goes by it.
package events

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/identity"
)

// Kind is what kind of thing happened.
type Kind string

// The kinds of events.
const (
	Started     Kind = "started"     // this member
	Election    Kind = "election"    // this member stands for election
	Leader      Kind = "leader"      // a member leads
	Leaderless  Kind = "leaderless"  // this member knows of no leader any more
	Added       Kind = "added"       // a member
	Promoted    Kind = "promoted"    // a member votes
	Demoted     Kind = "demoted"     // a member does not vote any more
	Moved       Kind = "moved"       // a member has another address
	Removed     Kind = "removed"     // a member
	Unreachable Kind = "unreachable" // a member does not answer this one
	Back        Kind = "back"        // it does again
	Snapshot    Kind = "snapshot"    // this member has a new snapshot
	Installed   Kind = "installed"   // the leader's snapshot has taken the place of this member's state
	Level       Kind = "level"       // the cluster is on another level
)

// Event is something that happened to the cluster, as one member learned of it.
type Event struct {
	Number uint64    // from 1, since this member started
	Time   time.Time // by this machine's clock
	Kind   Kind
	Term   uint64 // of an election, a leader, or of having none; else 0
	Member string // id of the member that it is about, "" for none
	Text   string // the same as a sentence
}

// maxEvents bounds what a member remembers of what happened, to some 100 kB: a year of a quiet
// cluster, and half an hour of one whose leader changes every few seconds.
const maxEvents = 512

// Log is the last maxEvents events, as one member notes them. It is safe for concurrent use:
// mu guards last and kept.
type Log struct {
	self string // id of that member

	mu   sync.Mutex
	last uint64  // number of the newest
	kept []Event // oldest first
}

// New is one without events, of the member with that id.
func New(self string) *Log { return &Log{self: self} }

// Note adds what somebody has learned.
func (l *Log) Note(kind Kind, member, text string) {
	l.note(Event{Kind: kind, Member: member, Text: text})
}

// note adds one, which gets its number and its time.
func (l *Log) note(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Number, e.Time = l.last, time.Now()
	if len(l.kept) == maxEvents {
		l.kept = slices.Delete(l.kept, 0, 1)
	}
	l.kept = append(l.kept, e)
}

// Page is at most so many of those behind a number, and whether there are more. A number that
// there is not yet is from before a restart: all that there are come after that.
func (l *Log) Page(after uint64, limit int) (page []Event, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if after > l.last {
		after = 0
	}
	from := slices.IndexFunc(l.kept, func(e Event) bool { return e.Number > after })
	if from < 0 {
		return nil, false
	}
	rest := l.kept[from:]
	return slices.Clone(rest[:min(limit, len(rest))]), len(rest) > limit
}

// Turn notes how the leadership goes round, as raft has observed it in a term.
func (l *Log) Turn(o *raft.Observation, term uint64) {
	switch d := o.Data.(type) {
	case raft.RaftState:
		if d == raft.Candidate {
			l.note(Event{Kind: Election, Term: term, Member: l.self, Text: l.self + " stands for election"})
		}
	case raft.LeaderObservation:
		if d.LeaderID == "" {
			l.note(Event{Kind: Leaderless, Term: term, Text: fmt.Sprintf("no leader is known in term %d", term)})
			return
		}
		id := identity.Identity(d.LeaderID).ID()
		l.note(Event{Kind: Leader, Term: term, Member: id, Text: fmt.Sprintf("%s leads in term %d", id, term)})
	}
}

// Presence notes that another member does not answer, or answers again.
func (l *Log) Presence(name string, there bool) {
	id := identity.Identity(name).ID()
	if there {
		l.Note(Back, id, id+" answers again")
		return
	}
	l.Note(Unreachable, id, id+" does not answer")
}

// Started notes that this member has started.
func (l *Log) Started() { l.Note(Started, l.self, l.self+" has started") }

// Snapshot notes a new snapshot of this member's, of entries up to an index.
func (l *Log) Snapshot(index uint64) {
	l.Note(Snapshot, l.self, fmt.Sprintf("%s has a snapshot of entries up to %d", l.self, index))
}

// Installed notes that a snapshot of the leader's has taken the place of this member's state.
func (l *Log) Installed(index uint64) {
	l.Note(Installed, l.self, fmt.Sprintf("%s goes on from the leader's snapshot of entries up to %d", l.self, index))
}

// Members notes what is different in a configuration that is final.
func (l *Log) Members(before, now membership.Configuration) {
	for _, p := range now.Members {
		was, there := before.Member(string(p.Identity()))
		switch {
		case !there && p.Voter:
			l.member(Added, p.ID, "was added as a voter", now)
		case !there:
			l.member(Added, p.ID, "was added as a non-voter", now)
		case p.Voter && !was.Voter:
			l.member(Promoted, p.ID, "is a voter", now)
		case !p.Voter && was.Voter:
			l.member(Demoted, p.ID, "is a non-voter", now)
		}
		if there && p.Addr != was.Addr {
			l.member(Moved, p.ID, "is at "+p.Addr, now)
		}
	}
	for _, p := range before.Members {
		if _, there := now.Member(string(p.Identity())); !there {
			l.member(Removed, p.ID, "was removed", now)
		}
	}
}

func (l *Log) member(kind Kind, id, what string, by membership.Configuration) {
	l.Note(kind, id, fmt.Sprintf("%s %s, by entry %d", id, what, by.Index))
}
