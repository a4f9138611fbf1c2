package store

import (
	"bytes"
	"cmp"
	"container/heap"
	"errors"
	"fmt"

	"github.com/RaduBerinde/btreemap"

	"github.com/bpsc/bpsc/chain"
)

// HoldQueue holds the open holds of one chain in the order of (expiry, id), and
// counts them by sender. It is in memory, which a bound on open holds makes
// small, because the clock asks for its first at every entry. The zero value is
// empty.
type HoldQueue struct {
	byExpiry holdHeap
	sent     map[string]int
}

// QueuedHold is a place in the order in which holds expire.
type QueuedHold struct {
	Until  chain.Seconds
	ID     chain.ID
	sender string
}

// Before tells whether h expires before other.
func (h QueuedHold) Before(other QueuedHold) bool {
	if h.Until != other.Until {
		return h.Until < other.Until
	}
	return bytes.Compare(h.ID[:], other.ID[:]) < 0
}

// Set adds an open hold or removes an ended one.
func (q *HoldQueue) Set(id chain.ID, s chain.HoldState) {
	if q.sent == nil {
		q.sent, q.byExpiry.place = map[string]int{}, map[chain.ID]int{}
	}
	i, known := q.byExpiry.place[id]
	switch {
	case s.Ended == "" && !known:
		heap.Push(&q.byExpiry, QueuedHold{s.Until, id, s.Sender})
		q.sent[s.Sender]++
	case s.Ended != "" && known:
		heap.Remove(&q.byExpiry, i)
		if q.sent[s.Sender]--; q.sent[s.Sender] == 0 {
			delete(q.sent, s.Sender)
		}
	}
}

// Count is how many holds nobody has decided yet.
func (q *HoldQueue) Count() int { return len(q.byExpiry.list) }

// SentBy is how many of them a wallet has sent.
func (q *HoldQueue) SentBy(sender string) int { return q.sent[sender] }

// First is the hold that expires first.
func (q *HoldQueue) First() (first QueuedHold, ok bool) {
	if q.Count() == 0 {
		return first, false
	}
	return q.byExpiry.list[0], true
}

// InOrder returns a cursor at the first hold. It is good until q changes.
func (q *HoldQueue) InOrder() HoldCursor {
	c := HoldCursor{queue: &q.byExpiry}
	if q.Count() > 0 {
		c.places = append(c.places, 0)
	}
	return c
}

// HoldCursor goes through a queue in order and leaves it as it is: a step costs
// no more than to take a hold out of the queue would. The zero value is at the
// end of nothing.
type HoldCursor struct {
	queue  *holdHeap
	places []int // a heap of places in the queue, none above another; what follows is below one of them
}

// Hold is the one where the cursor is.
func (c *HoldCursor) Hold() (hold QueuedHold, ok bool) {
	if len(c.places) == 0 {
		return hold, false
	}
	return c.queue.list[c.places[0]], true
}

// Next moves to the hold that expires next.
func (c *HoldCursor) Next() {
	at := c.places[0]
	heap.Pop((*cursorHeap)(c))
	for _, below := range []int{2*at + 1, 2*at + 2} {
		if below < len(c.queue.list) {
			heap.Push((*cursorHeap)(c), below)
		}
	}
}

// holdHeap is for container/heap.
type holdHeap struct {
	list  []QueuedHold
	place map[chain.ID]int
}

func (q *holdHeap) Len() int { return len(q.list) }

func (q *holdHeap) Less(i, j int) bool { return q.list[i].Before(q.list[j]) }

func (q *holdHeap) Swap(i, j int) {
	q.list[i], q.list[j] = q.list[j], q.list[i]
	q.place[q.list[i].ID], q.place[q.list[j].ID] = i, j
}

func (q *holdHeap) Push(x any) {
	h := x.(QueuedHold)
	q.place[h.ID] = len(q.list)
	q.list = append(q.list, h)
}

func (q *holdHeap) Pop() any {
	last := len(q.list) - 1
	h := q.list[last]
	q.list[last] = QueuedHold{}
	q.list = q.list[:last]
	delete(q.place, h.ID)
	return h
}

// cursorHeap is a cursor's places for container/heap.
type cursorHeap HoldCursor

func (c *cursorHeap) Len() int { return len(c.places) }

func (c *cursorHeap) Less(i, j int) bool {
	return c.queue.list[c.places[i]].Before(c.queue.list[c.places[j]])
}

func (c *cursorHeap) Swap(i, j int) { c.places[i], c.places[j] = c.places[j], c.places[i] }

func (c *cursorHeap) Push(x any) { c.places = append(c.places, x.(int)) }

func (c *cursorHeap) Pop() any {
	last := len(c.places) - 1
	at := c.places[last]
	c.places = c.places[:last]
	return at
}

// holdIndex finds the open holds of one chain by whom they are for and by whom
// they are from, each account's in the order of (expiry, id). Like the queue it
// is in memory, and holds no more than that. A change costs the logarithm of the
// number of open holds.
type holdIndex struct {
	byRecipient, bySender *holdTree
}

type holdTree = btreemap.BTreeMap[*chain.OpenHold, struct{}]

// holdDegree is google/btree's own choice for keys of a word.
const holdDegree = 32

func newHoldIndex() holdIndex { return holdIndex{newHoldTree(recipientOf), newHoldTree(senderOf)} }

func newHoldTree(party func(*chain.OpenHold) string) *holdTree {
	return btreemap.New[*chain.OpenHold, struct{}](holdDegree, func(a, b *chain.OpenHold) int {
		if order := cmp.Compare(party(a), party(b)); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.Until, b.Until), bytes.Compare(a.ID[:], b.ID[:]))
	})
}

func recipientOf(h *chain.OpenHold) string { return h.Recipient }

func senderOf(h *chain.OpenHold) string { return h.Sender }

// set adds an open hold, or removes an ended one, which names whom and until as
// it did when it was opened.
func (x *holdIndex) set(id chain.ID, s chain.HoldState) {
	h := &chain.OpenHold{ID: id, HoldState: s}
	for _, tree := range []*holdTree{x.byRecipient, x.bySender} {
		if s.Ended == "" {
			tree.ReplaceOrInsert(h, struct{}{})
		} else {
			tree.Delete(h)
		}
	}
}

// page returns what follows a place among the holds of an account.
func (x *holdIndex) page(q *chain.HoldQuery, after chain.OpenHold) (page chain.HoldPage) {
	tree, party := x.byRecipient, recipientOf
	if q.Role == chain.HoldSender {
		tree, party = x.bySender, senderOf
	}
	after.Recipient, after.Sender = q.Account, q.Account
	for h := range tree.Ascend(btreemap.GT(&after), btreemap.Max[*chain.OpenHold]()) {
		if party(h) != q.Account {
			break
		}
		if len(page.Holds) == q.Limit {
			page.More = true
			break
		}
		page.Holds = append(page.Holds, *h)
	}
	return page
}

// OpenHolds lists the open holds of an account. It fails with chain.ErrBeyond
// where the hold that it is to go on after is not known here.
func (s *Store) OpenHolds(token string, q chain.HoldQuery) (chain.HoldPage, error) {
	after := chain.OpenHold{ID: q.After}
	if !q.After.IsZero() {
		at, err := s.Hold(token, q.After)
		if errors.Is(err, chain.NotFound) {
			err = fmt.Errorf("%w: no hold %s", chain.ErrBeyond, q.After)
		}
		if err != nil {
			return chain.HoldPage{}, err
		}
		after.Until = at.Until // what it was before it ended, too
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return chain.HoldPage{}, err
	}
	return h.parties.page(&q, after), nil
}
