package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	"github.com/RaduBerinde/btreemap"

	"github.com/bpsc/bpsc/chain"
)

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
