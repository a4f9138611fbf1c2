package memory

import (
	"fmt"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/release"
)

// Position is what two members tell each other when they meet: how far the one
// that speaks has come, and how far it remembers the other.
type Position struct {
	Start Start  `json:"start"`
	Term  uint64 `json:"term"` // current, on disk
	Last  uint64 `json:"last"` // entry in the log, or that a snapshot reaches
	// The last entry that is known to be committed, and its checksum: two members
	// that differ there hold different histories.
	Commit uint64 `json:"commit"`
	Sum    uint32 `json:"sum"`
	Summed bool   `json:"summed"` // false where the entry is not in the log any more

	You Known `json:"you"`

	Release release.Standing `json:"release,omitzero"`
}

// Position is what to tell a member.
func (m *Memory) Position(peer string) Position {
	<-m.attached // a member may be called before raft has fully started
	m.mu.Lock()
	you := m.content.Peers[peer]
	m.mu.Unlock()
	p := Position{Start: m.starts.current(), Term: m.raft.CurrentTerm(), You: you}
	p.Commit = m.Committed()
	p.Last = max(m.raft.LastIndex(), p.Commit) // read after Commit, which it covers
	if p.Commit > 0 {
		p.Sum, p.Summed = m.sum(p.Commit)
	}
	return p
}

// Judge returns ErrWentBack or ErrDiverged, or nil when the two go together. What
// this member has is read now, after the other spoke: meanwhile this member may
// have shown it more, over another connection.
func (m *Memory) Judge(peer string, theirs Position) error {
	own, you := m.Position(peer), theirs.You
	behind := func(what string, seen, has any) error {
		return fmt.Errorf("%w: %s has seen %s %v of this member, and this is %v", datadir.ErrWentBack, peer, what, seen, has)
	}
	switch {
	case !m.starts.had(you.Start):
		return behind("the", you.Start, own.Start)
	case you.Term > own.Term:
		return behind("votes up to term", you.Term, own.Term)
	case you.Held > own.Last:
		return behind("the log up to entry", you.Held, own.Last)
	}
	// Logs that have the same entry at one place are the same up to there. Whoever
	// knows of less to be committed leaves it to the other, which has what this
	// one ends with.
	at := theirs.Commit
	if at == 0 || own.Commit < at || !theirs.Summed {
		return nil
	}
	if mine, ok := m.sum(at); ok && mine != theirs.Sum {
		return fmt.Errorf("%w: entry %d is committed on this member and on %s, and is not the same", datadir.ErrDiverged, at, peer)
	}
	return nil
}
