package holds

import (
	"bytes"
	"cmp"

	"github.com/RaduBerinde/btreemap"

	"github.com/bpsc/bpsc/chain"
)

// Parties finds the open holds of one chain by whom they are for and by whom
// they are from, each account's in the order of (expiry, id). Like the queue it
// is in memory, and holds no more than that. A change costs the logarithm of the
// number of open holds.
type Parties struct {
	byRecipient, bySender *tree
}

type tree = btreemap.BTreeMap[*chain.OpenHold, struct{}]

// degree is google/btree's own choice for keys of a word.
const degree = 32

// NewParties returns an empty one.
func NewParties() Parties { return Parties{newTree(recipientOf), newTree(senderOf)} }

func newTree(party func(*chain.OpenHold) string) *tree {
	return btreemap.New[*chain.OpenHold, struct{}](degree, func(a, b *chain.OpenHold) int {
		if order := cmp.Compare(party(a), party(b)); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.Until, b.Until), bytes.Compare(a.ID[:], b.ID[:]))
	})
}

func recipientOf(h *chain.OpenHold) string { return h.Recipient }

func senderOf(h *chain.OpenHold) string { return h.Sender }

// Set adds an open hold, or removes an ended one, which names whom and until as
// it did when it was opened.
func (p *Parties) Set(id chain.ID, s chain.HoldState) {
	h := &chain.OpenHold{ID: id, HoldState: s}
	for _, t := range []*tree{p.byRecipient, p.bySender} {
		if s.Ended == "" {
			t.ReplaceOrInsert(h, struct{}{})
		} else {
			t.Delete(h)
		}
	}
}

// Page returns what follows a place among the holds of an account.
func (p *Parties) Page(q *chain.HoldQuery, after chain.OpenHold) (page chain.HoldPage) {
	in, party := p.byRecipient, recipientOf
	if q.Role == chain.HoldSender {
		in, party = p.bySender, senderOf
	}
	after.Recipient, after.Sender = q.Account, q.Account
	for h := range in.Ascend(btreemap.GT(&after), btreemap.Max[*chain.OpenHold]()) {
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
