package attest

import (
	"slices"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// choose returns the size to speak on now: one that another member has
// chosen, or, where this member leads, the whole chain. Else it is 0, with how
// long to wait where time alone may change that.
func (w *watcher) choose(said []chain.Attestation) (size uint64, wait time.Duration) {
	now, last, newest := w.cfg.Now(), w.journal.last.Size, uint64(0)
	for _, s := range said {
		if w.isMember(s.Member) {
			newest = max(newest, s.Size)
		}
	}
	switch {
	case newest > last:
		return w.asked(said), 0
	case w.unsaid && now.Before(w.again):
		return 0, w.again.Sub(now)
	case w.unsaid, w.own.Size == 0 && last > 0 && !w.hasSpoken(said, last):
		return last, 0 // what was signed before a restart may not have reached the log
	}
	info, err := w.state.Contract(w.token)
	switch {
	case err != nil || info.Length <= max(newest, last):
		return 0, 0
	case !w.cfg.Leads():
		return 0, w.cfg.Every // it may come to lead, and no block need follow
	}
	due := w.opened.Add(w.cfg.Every)
	if newest > 0 && w.voices(said, newest) < w.cfg.Quorum.Majority {
		due = w.opened.Add(w.cfg.Patience)
	}
	if wait = due.Sub(now); wait > 0 {
		return 0, wait
	}
	w.opened = now
	return info.Length, 0
}

// asked is the size to speak on of those that others have chosen since: where
// the most have spoken and a majority has not, so that members who are not
// equally fast meet; else the newest.
func (w *watcher) asked(said []chain.Attestation) (size uint64) {
	most := -1
	for _, s := range said {
		if s.Size <= w.journal.last.Size || !w.isMember(s.Member) {
			continue
		}
		n := w.voices(said, s.Size)
		if n >= w.cfg.Quorum.Majority {
			n = 0
		}
		if n > most || n == most && s.Size > size {
			most, size = n, s.Size
		}
	}
	return size
}

func (w *watcher) hasSpoken(said []chain.Attestation, size uint64) bool {
	return slices.ContainsFunc(said, func(s chain.Attestation) bool { return s.Member == w.cfg.Member && s.Size == size })
}

// voices is how many members say the same of a size, at most.
func (w *watcher) voices(said []chain.Attestation, size uint64) (most int) {
	roots := map[chain.Hash]int{}
	for _, s := range said {
		if s.Size == size && w.isMember(s.Member) {
			roots[s.Root]++
			most = max(most, roots[s.Root])
		}
	}
	return most
}
