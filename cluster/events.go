package cluster

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/identity"
)

// EventKind is what kind of thing happened.
type EventKind string

// The kinds of events.
const (
	EventStarted     EventKind = "started"     // this member
	EventElection    EventKind = "election"    // this member stands for election
	EventLeader      EventKind = "leader"      // a member leads
	EventLeaderless  EventKind = "leaderless"  // this member knows of no leader any more
	EventAdded       EventKind = "added"       // a member
	EventPromoted    EventKind = "promoted"    // a member votes
	EventDemoted     EventKind = "demoted"     // a member does not vote any more
	EventMoved       EventKind = "moved"       // a member has another address
	EventRemoved     EventKind = "removed"     // a member
	EventUnreachable EventKind = "unreachable" // a member does not answer this one
	EventBack        EventKind = "back"        // it does again
	EventSnapshot    EventKind = "snapshot"    // this member has a new snapshot
	EventInstalled   EventKind = "installed"   // the leader's snapshot has taken the place of this member's state
	EventLevel       EventKind = "level"       // the cluster is on another level
)

// Event is something that happened to the cluster, as one member learned of it.
type Event struct {
	Number uint64    // from 1, since this member started
	Time   time.Time // by this machine's clock
	Kind   EventKind
	Term   uint64 // of an election, a leader, or of having none; else 0
	Member string // id of the member that it is about, "" for none
	Text   string // the same as a sentence
}

// events are the last maxEvents. The zero value has none. It is safe for concurrent use:
// mu guards last and kept.
type events struct {
	mu   sync.Mutex
	last uint64  // number of the newest
	kept []Event // oldest first
}

// note adds one, which gets its number and its time.
func (l *events) note(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Number, e.Time = l.last, time.Now()
	if len(l.kept) == maxEvents {
		l.kept = slices.Delete(l.kept, 0, 1)
	}
	l.kept = append(l.kept, e)
}

// page is at most so many of those behind a number, and whether there are more. A number that
// there is not yet is from before a restart: all that there are come after that.
func (l *events) page(after uint64, limit int) (page []Event, more bool) {
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

// Events is at most limit of the events that this member remembers, the oldest first,
// behind that of a number, and whether there are more. It remembers the last 512 since
// it started.
func (m *Member) Events(after uint64, limit int) (page []Event, more bool) {
	return m.events.page(after, limit)
}

// Note adds what the member's owner has learned.
func (m *Member) Note(kind EventKind, member, text string) {
	m.events.note(Event{Kind: kind, Member: member, Text: text})
}

// noteTurn notes how the leadership goes round, as raft has observed it.
func (m *Member) noteTurn(o *raft.Observation) {
	term := m.raft.CurrentTerm()
	switch d := o.Data.(type) {
	case raft.RaftState:
		if d == raft.Candidate {
			m.events.note(Event{Kind: EventElection, Term: term, Member: m.cfg.ID, Text: m.cfg.ID + " stands for election"})
		}
	case raft.LeaderObservation:
		if d.LeaderID == "" {
			m.events.note(Event{Kind: EventLeaderless, Term: term, Text: fmt.Sprintf("no leader is known in term %d", term)})
			return
		}
		id := identity.Identity(d.LeaderID).ID()
		m.events.note(Event{Kind: EventLeader, Term: term, Member: id, Text: fmt.Sprintf("%s leads in term %d", id, term)})
	}
}

// notePresence notes that another member does not answer, or answers again.
func (m *Member) notePresence(name string, there bool) {
	id := identity.Identity(name).ID()
	if there {
		m.Note(EventBack, id, id+" answers again")
		return
	}
	m.Note(EventUnreachable, id, id+" does not answer")
}

// noteSnapshot notes a new snapshot of this member's.
func (m *Member) noteSnapshot(meta snapshot.Meta) {
	m.Note(EventSnapshot, m.cfg.ID, fmt.Sprintf("%s has a snapshot of entries up to %d", m.cfg.ID, meta.Index))
}

// noteMembers notes what is different in a configuration that is final.
func (m *Member) noteMembers(before, now Configuration) {
	for _, p := range now.Members {
		was, there := before.Member(string(p.Identity()))
		switch {
		case !there && p.Voter:
			m.noteMember(EventAdded, p.ID, "was added as a voter", now)
		case !there:
			m.noteMember(EventAdded, p.ID, "was added as a non-voter", now)
		case p.Voter && !was.Voter:
			m.noteMember(EventPromoted, p.ID, "is a voter", now)
		case !p.Voter && was.Voter:
			m.noteMember(EventDemoted, p.ID, "is a non-voter", now)
		}
		if there && p.Addr != was.Addr {
			m.noteMember(EventMoved, p.ID, "is at "+p.Addr, now)
		}
	}
	for _, p := range before.Members {
		if _, there := now.Member(string(p.Identity())); !there {
			m.noteMember(EventRemoved, p.ID, "was removed", now)
		}
	}
}

func (m *Member) noteMember(kind EventKind, id, what string, by Configuration) {
	m.Note(kind, id, fmt.Sprintf("%s %s, by entry %d", id, what, by.Index))
}
