package attest

import (
	"slices"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// choose returns the size to attest now: one that another member has
// chosen, or, where this member leads, the whole chain. Else it is 0, with how
// long to wait where time alone may change that.
func (w *watcher) choose(attestations []chain.Attestation) (size uint64, wait time.Duration) {
	now, last, newest := w.cfg.Now(), w.journal.last.Size, uint64(0)
	for _, a := range attestations {
		if w.isMember(a.Member) {
			newest = max(newest, a.Size)
		}
	}
	switch {
	case newest > last:
		return w.requested(attestations), 0
	case w.pending && now.Before(w.retryAt):
		return 0, w.retryAt.Sub(now)
	case w.pending, w.last.Size == 0 && last > 0 && !w.hasAttested(attestations, last):
		return last, 0 // what was signed before a restart may not have reached the log
	}
	info, err := w.state.Contract(w.token)
	switch {
	case err != nil || info.Length <= max(newest, last):
		return 0, 0
	case !w.cfg.Leads():
		return 0, w.cfg.Every // it may come to lead, and no block need follow
	}
	due := w.chosenAt.Add(w.cfg.Every)
	if newest > 0 && w.votes(attestations, newest) < w.cfg.Quorum.Majority {
		due = w.chosenAt.Add(w.cfg.Patience)
	}
	if wait = due.Sub(now); wait > 0 {
		return 0, wait
	}
	w.chosenAt = now
	return info.Length, 0
}

// requested is the size to attest of those that others have chosen since: the one
// with the most votes below a majority, so that members that are not equally fast
// come together; else the newest.
func (w *watcher) requested(attestations []chain.Attestation) (size uint64) {
	most := -1
	for _, a := range attestations {
		if a.Size <= w.journal.last.Size || !w.isMember(a.Member) {
			continue
		}
		n := w.votes(attestations, a.Size)
		if n >= w.cfg.Quorum.Majority {
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
		if a.Size == size && w.isMember(a.Member) {
			roots[a.Root]++
			most = max(most, roots[a.Root])
		}
	}
	return most
}
