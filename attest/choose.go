package attest

import (
	"slices"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// choose returns the size to attest now: one that another member has
// chosen, or, where this member leads, the whole chain. Else it is 0, with how
// long to wait where time alone may change that. A member attests nothing at a size
// for which it does not count.
func (w *watcher) choose(attestations []chain.Attestation) (size uint64, wait time.Duration) {
	now, last, newest := w.cfg.Now(), w.journal.last.Size, uint64(0)
	for _, a := range attestations {
		if w.counts(a) {
			newest = max(newest, a.Size)
		}
	}
	if requested := w.requested(attestations); requested > 0 {
		return requested, 0
	}
	if last > 0 && w.may(last) {
		switch {
		case w.pending && now.Before(w.retryAt):
			return 0, w.retryAt.Sub(now)
		case w.pending, w.last.Size == 0 && !w.hasAttested(attestations, last):
			return last, 0 // what was signed before a restart may not have reached the log
		}
	}
	info, err := w.state.Contract(w.token)
	if err != nil || info.Length <= max(newest, last) {
		w.unchosen = time.Time{}
		return 0, 0
	}
	if w.unchosen.IsZero() || w.newest != newest {
		w.unchosen, w.newest = now, newest
	}
	switch {
	case !w.may(info.Length):
		return 0, w.cfg.Patience // it may come to count, and no block need follow
	case !w.cfg.Leads():
		// It may come to lead, and no block need follow. Or who leads does not count yet.
		if wait = w.unchosen.Add(leaderPatience * w.cfg.Patience).Sub(now); wait > 0 {
			return 0, min(wait, w.cfg.Every)
		}
	default:
		due := w.chosenAt.Add(w.cfg.Every)
		if newest > 0 && w.votes(attestations, newest) < w.quorum(newest).Majority {
			due = w.chosenAt.Add(w.cfg.Patience)
		}
		if wait = due.Sub(now); wait > 0 {
			return 0, wait
		}
		if wait = w.myTurn(now); wait > 0 {
			return 0, wait
		}
	}
	w.chosenAt = now
	return info.Length, 0
}

// myTurn is how long it is until this chain's turn among all that are to be attested; 0:
// it is now, and over.
func (w *watcher) myTurn(now time.Time) time.Duration {
	if w.turnAt.IsZero() {
		w.turnAt = w.pace.next(now)
	}
	if wait := w.turnAt.Sub(now); wait > 0 {
		return wait
	}
	w.turnAt = time.Time{}
	return 0
}

// quorum is who counts at a size of the chain, as of this look.
func (w *watcher) quorum(size uint64) Quorum {
	q, known := w.quorums[size]
	if !known {
		q = w.state.Quorum(w.token, size)
		w.quorums[size] = q
	}
	return q
}

// counts tells whether an attestation is by a member that counts at its size.
func (w *watcher) counts(a chain.Attestation) bool { return w.quorum(a.Size).has(a.Member) }

// may tells whether this member counts at a size, and was not removed since.
func (w *watcher) may(size uint64) bool {
	return w.quorum(size).has(w.cfg.Member) && !w.state.Removed(w.cfg.Member)
}

// requested is the size to attest of those that others have chosen since: the one
// with the most votes below a majority, so that members that are not equally fast
// come together; else the newest.
func (w *watcher) requested(attestations []chain.Attestation) (size uint64) {
	most := -1
	for _, a := range attestations {
		if a.Size <= w.journal.last.Size || !w.counts(a) || !w.may(a.Size) {
			continue
		}
		n := w.votes(attestations, a.Size)
		if n >= w.quorum(a.Size).Majority {
			n = 0
		}
		if n > most || n == most && a.Size > size {
			most, size = n, a.Size
		}
	}
	return size
}

func (w *watcher) hasAttested(attestations []chain.Attestation, size uint64) bool {
	return slices.ContainsFunc(attestations, func(a chain.Attestation) bool { return a.Member == w.cfg.Member && a.Size == size })
}

// votes is how many members attest the same root of a size, at most.
func (w *watcher) votes(attestations []chain.Attestation, size uint64) (most int) {
	roots := map[chain.Hash]int{}
	for _, a := range attestations {
		if a.Size == size && w.counts(a) {
			roots[a.Root]++
			most = max(most, roots[a.Root])
		}
	}
	return most
}
