// Package holds has the open holds of a chain in memory, in the orders in which they are asked
// for: by expiry for the clock, by recipient and by sender for pages. Their rows are the store's.
package holds

import (
	"bytes"
	"cmp"

	"github.com/RaduBerinde/btreemap"

	"github.com/bpsc/bpsc/chain"
)

// Queue has the open holds of one chain in the order of (expiry, id), and
// counts them by sender. It is in memory, which a bound on open holds makes
// small, because the clock asks for its first at every entry. The zero value is
// empty.
type Queue struct {
	byExpiry *btreemap.BTreeMap[Queued, struct{}] // nil before the first
	sent     map[string]int
}

// Queued is a place in the order in which holds expire.
type Queued struct {
	Until  chain.Seconds
	ID     chain.ID
	sender string
}

// Before tells whether h expires before other.
func (h Queued) Before(other Queued) bool { return h.compare(other) < 0 }

func (h Queued) compare(other Queued) int {
	return cmp.Or(cmp.Compare(h.Until, other.Until), bytes.Compare(h.ID[:], other.ID[:]))
}

// Set adds an open hold, or removes an ended one, which names sender and until
// as it did when it was opened.
func (q *Queue) Set(id chain.ID, s chain.HoldState) {
	if q.sent == nil {
		q.byExpiry, q.sent = btreemap.New[Queued, struct{}](degree, Queued.compare), map[string]int{}
	}
	h := Queued{s.Until, id, s.Sender}
	if s.Ended == "" {
		if _, _, known := q.byExpiry.ReplaceOrInsert(h, struct{}{}); !known {
			q.sent[s.Sender]++
		}
	} else if _, _, known := q.byExpiry.Delete(h); known {
		if q.sent[s.Sender]--; q.sent[s.Sender] == 0 {
			delete(q.sent, s.Sender)
		}
	}
}

// Count is how many holds nobody has decided yet.
func (q *Queue) Count() int {
	if q.byExpiry == nil {
		return 0
	}
	return q.byExpiry.Len()
}

// SentBy is how many of them a wallet has sent.
func (q *Queue) SentBy(sender string) int { return q.sent[sender] }

// First is the hold that expires first.
func (q *Queue) First() (first Queued, ok bool) {
	if q.byExpiry != nil {
		first, _, ok = q.byExpiry.Min()
	}
	return first, ok
}

// After is the hold that expires next after one that is in q, or was.
func (q *Queue) After(h Queued) (next Queued, ok bool) {
	for next := range q.byExpiry.Ascend(btreemap.GT(h), btreemap.Max[Queued]()) {
		return next, true
	}
	return next, false
}
