package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// word is what two members tell each other when they meet: how far the one that
// speaks has come, and how far it remembers the other.
type word struct {
	Start start  `json:"start"`
	Term  uint64 `json:"term"` // current, on disk
	Last  uint64 `json:"last"` // entry in the log, or that a snapshot reaches
	// The last entry that is known to be committed, and what it is: two members
	// that differ there hold different histories.
	Commit uint64 `json:"commit"`
	Sum    uint32 `json:"sum"`
	Summed bool   `json:"summed"` // false where the entry is not in the log any more

	You known `json:"you"`
}

// standing is what a member holds, as far as it concerns the others.
//
// Each member judges itself by what the others remember of it, because it alone
// has all its starts; and both compare what they hold. Whoever finds itself
// behind, or different, tells the other and ends.
type standing struct {
	starts starts
	memory *memory
	logs   raft.LogStore
}

// word is what to tell a member.
func (h *standing) word(peer string) word {
	<-h.memory.attached // a member may be called before raft has fully started
	r := h.memory.raft
	w := word{Start: h.starts.current(), Term: r.CurrentTerm(), You: h.memory.of(peer)}
	w.Commit = h.memory.committed()
	w.Last = max(r.LastIndex(), w.Commit) // read after Commit, which it covers
	w.Sum, w.Summed = h.sum(w.Commit)
	return w
}

// sum is the checksum of an entry, if it is in the log.
func (h *standing) sum(index uint64) (sum uint32, ok bool) {
	var l raft.Log
	if index == 0 || h.logs.GetLog(index, &l) != nil {
		return 0, false
	}
	return checksum(&l), true
}

// judge returns ErrWentBack or ErrDiverged, or nil when the two go together. What
// this member has is read now, after the other spoke: meanwhile this member may
// have shown it more, over another connection.
func (h *standing) judge(peer string, theirs word) error {
	own, you := h.word(peer), theirs.You
	behind := func(what string, seen, has any) error {
		return fmt.Errorf("%w: %s has seen %s %v of this member, and this is %v", ErrWentBack, peer, what, seen, has)
	}
	switch {
	case !h.starts.had(you.Start):
		return behind("the", you.Start, own.Start)
	case you.Term > own.Term:
		return behind("votes up to term", you.Term, own.Term)
	case you.Held > own.Last:
		return behind("the log up to entry", you.Held, own.Last)
	}
	return h.compare(peer, own, theirs)
}

// compare looks at the last entry that both know to be committed. Logs that have
// the same entry at one place are the same up to there.
func (h *standing) compare(peer string, own, theirs word) error {
	at, sum, summed := theirs.Commit, theirs.Sum, theirs.Summed
	if own.Commit < at {
		return nil // it is for the other to look: it has what this one ends with
	}
	if mine, ok := h.sum(at); ok && summed && mine != sum {
		return fmt.Errorf("%w: entry %d is committed on this member and on %s, and is not the same", ErrDiverged, at, peer)
	}
	return nil
}

// verdictOf is how a judgement travels.
func verdictOf(err error) verdict {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, ErrDiverged):
		return otherHistory
	default:
		return wentBack
	}
}
