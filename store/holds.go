package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/RaduBerinde/btreemap"
	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// Holds are the open holds of h. Only SetHold changes them.
func (h *Head) Holds() *HoldQueue { return &h.holds }

// Hold returns what is known of a hold.
func (tx *Tx) Hold(h *Head, id chain.ID) (chain.HoldState, bool) {
	k := keys.ID{Contract: h.Number, ID: id}
	state, known := tx.s.holdInMemory(k)
	if !known {
		var err error
		state, err = holdOnDisk(tx.s.db, k)
		tx.note(err)
	}
	return state.HoldState, state.known
}

// SetHold opens a hold or ends one.
func (tx *Tx) SetHold(h *Head, id chain.ID, s chain.HoldState) {
	s.Sender, s.Recipient = strings.Clone(s.Sender), strings.Clone(s.Recipient) // of the request's memory
	row := hold{HoldState: s}
	if s.Ended != "" {
		row.EndedIn = h.Index + 1
	}
	tx.s.active.setHold(keys.ID{Contract: h.Number, ID: id}, row)
	h.queueHold(id, s)
}

// queueHold keeps what is derived from the open holds.
func (h *Head) queueHold(id chain.ID, s chain.HoldState) {
	h.holds.Set(id, s)
	h.parties.set(id, s)
}

// hold is what a row has of a hold.
type hold struct {
	chain.HoldState
	// EndedIn is the block that has the record which ended it, or will. It is 0 in
	// rows from before it was noted; Searched is then the place up to which the
	// record has been looked for.
	EndedIn  uint64        `json:",omitzero"`
	Searched history.Place `json:",omitzero"`
}

func (l *layer) setHold(k keys.ID, h hold) {
	if _, known := l.holds[k]; !known {
		l.bytes += holdCost
	}
	l.holds[k] = h
}

// heldAs is a hold, or that there is none.
type heldAs struct {
	hold
	known bool
}

func (s *Store) holdInMemory(k keys.ID) (heldAs, bool) {
	h, ok := s.active.holds[k]
	if !ok && s.frozen != nil {
		h, ok = s.frozen.holds[k]
	}
	return heldAs{h, ok}, ok
}

// holdOnDisk looks among the open holds first: one that ends in between is then
// found among the others.
func holdOnDisk(r pebble.Reader, k keys.ID) (heldAs, error) {
	for _, table := range []byte{keys.OpenHoldTable, keys.EndedHoldTable} {
		row, err := engine.Get(r, k.In(table))
		if err != nil {
			return heldAs{}, err
		}
		if row != nil {
			h, err := decodeHold(row)
			return heldAs{h, true}, err
		}
	}
	return heldAs{}, nil
}

func decodeHold(row []byte) (h hold, err error) {
	if err := json.Unmarshal(row, &h); err != nil {
		return h, fmt.Errorf("%w: hold: %w", engine.ErrCorrupt, err)
	}
	return h, nil
}

// Hold returns what is known of a hold.
func (s *Store) Hold(token string, id chain.ID) (chain.HoldState, error) {
	h, err := s.held(token, id)
	return h.HoldState, err
}

func (s *Store) held(token string, id chain.ID) (hold, error) {
	h, err := lookup(s, token,
		func(h *Head) (heldAs, bool) { return s.holdInMemory(keys.ID{Contract: h.Number, ID: id}) },
		func(r pebble.Reader, contract uint32) (heldAs, error) {
			return holdOnDisk(r, keys.ID{Contract: contract, ID: id})
		})
	if err == nil && !h.known {
		err = fmt.Errorf("%w: no hold %s", chain.NotFound, id)
	}
	return h.hold, err
}

// loadHolds fills the queue and the index from disk.
func (h *Head) loadHolds(r pebble.Reader) error {
	return engine.Scan(r, keys.Prefix(keys.OpenHoldTable, h.Number), func(key, row []byte) error {
		state, err := decodeHold(row)
		if err == nil {
			h.queueHold(chain.ID(key[5:]), state.HoldState)
		}
		return err
	})
}

// HoldQueue holds the open holds of one chain in the order of (expiry, id), and
// counts them by sender. It is in memory, which a bound on open holds makes
// small, because the clock asks for its first at every entry. The zero value is
// empty.
type HoldQueue struct {
	byExpiry *btreemap.BTreeMap[QueuedHold, struct{}] // nil before the first
	sent     map[string]int
}

// QueuedHold is a place in the order in which holds expire.
type QueuedHold struct {
	Until  chain.Seconds
	ID     chain.ID
	sender string
}

// Before tells whether h expires before other.
func (h QueuedHold) Before(other QueuedHold) bool { return h.compare(other) < 0 }

func (h QueuedHold) compare(other QueuedHold) int {
	return cmp.Or(cmp.Compare(h.Until, other.Until), bytes.Compare(h.ID[:], other.ID[:]))
}

// Set adds an open hold, or removes an ended one, which names sender and until
// as it did when it was opened.
func (q *HoldQueue) Set(id chain.ID, s chain.HoldState) {
	if q.sent == nil {
		q.byExpiry, q.sent = btreemap.New[QueuedHold, struct{}](holdDegree, QueuedHold.compare), map[string]int{}
	}
	h := QueuedHold{s.Until, id, s.Sender}
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
func (q *HoldQueue) Count() int {
	if q.byExpiry == nil {
		return 0
	}
	return q.byExpiry.Len()
}

// SentBy is how many of them a wallet has sent.
func (q *HoldQueue) SentBy(sender string) int { return q.sent[sender] }

// First is the hold that expires first.
func (q *HoldQueue) First() (first QueuedHold, ok bool) {
	if q.byExpiry != nil {
		first, _, ok = q.byExpiry.Min()
	}
	return first, ok
}

// After is the hold that expires next after one that is in q, or was.
func (q *HoldQueue) After(h QueuedHold) (next QueuedHold, ok bool) {
	for next := range q.byExpiry.Ascend(btreemap.GT(h), btreemap.Max[QueuedHold]()) {
		return next, true
	}
	return next, false
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
