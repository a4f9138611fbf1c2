package sim

import (
	"bytes"
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// effects are what a record does to accounts: the rules of docs/ledger-rules.md once more,
// without the product's own arithmetic.
func effects(r *chain.Record, add func(account string, by chain.Amount)) {
	switch r.Kind {
	case chain.Transfer:
		add(r.Sender, -r.AmountSend)
		add(r.Recipient, r.AmountReceive)
		add(r.BPSC, r.AmountBPSC)
	case chain.Hold:
		add(r.Sender, -r.AmountSend)
	case chain.Delivery:
		add(r.Recipient, r.AmountReceive)
		add(r.BPSC, r.AmountBPSC)
	case chain.Refund:
		if !r.Hold.IsZero() { // what was turned away at once has not moved
			add(r.Sender, r.AmountRefund)
		}
	case chain.Issue:
		add(r.Recipient, r.Amount)
	case chain.Spend:
		add(r.BPSC, -r.Amount)
		add(r.Recipient, r.Amount)
	case chain.Burn:
		add(r.BPSC, -r.Amount)
	}
}

// books add up what records did.
type books struct {
	balances                   map[string]chain.Amount
	issued, held, fees, burned chain.Amount
}

func newBooks(c *chain.Contract) *books {
	b := &books{balances: map[string]chain.Amount{}, issued: c.Supply}
	if c.Supply > 0 {
		b.balances[c.Issuer] = c.Supply
	}
	return b
}

// add takes the next record. What it moves has to be all of it.
func (b *books) add(r *chain.Record) error {
	effects(r, func(account string, by chain.Amount) { b.balances[account] += by })
	switch r.Kind {
	case chain.Transfer, chain.Delivery:
		if r.AmountSend != r.AmountBPSC+r.AmountReceive {
			return fmt.Errorf("%s: record %s: %d sent, %d and %d came", ruleKept, r.ID, r.AmountSend, r.AmountBPSC, r.AmountReceive)
		}
		b.fees += r.AmountBPSC
		if r.Kind == chain.Delivery {
			b.held -= r.AmountSend
		}
	case chain.Hold:
		b.held += r.AmountSend
	case chain.Refund:
		if !r.Hold.IsZero() {
			b.held -= r.AmountRefund
		}
	case chain.Issue:
		b.issued += r.Amount
	case chain.Spend:
		b.fees -= r.Amount
	case chain.Burn:
		b.fees -= r.Amount
		b.burned += r.Amount
	}
	return nil
}

// agree holds them against what a block says.
func (b *books) agree(t *chain.Totals) error {
	var sum chain.Amount
	for _, of := range b.balances {
		sum += of
	}
	own := chain.Totals{Issued: b.issued, Burned: b.burned, Fees: b.fees, Held: b.held}
	if sum+b.burned+b.held != b.issued || own.Issued != t.Issued || own.Burned != t.Burned || own.Fees != t.Fees || own.Held != t.Held {
		return fmt.Errorf("%s: balances come to %d and totals to %+v, and the block says %+v", ruleKept, sum, own, *t)
	}
	return nil
}

// brought tells whether a record is what a transaction asked for.
func brought(r *chain.Record, tx *chain.Transaction) bool {
	was, ok := r.Transaction()
	return ok && was.Sender == tx.Sender && was.Recipient == tx.Recipient && was.Amount == tx.Amount &&
		was.Hold == tx.Hold && was.HoldUntil == tx.HoldUntil && (tx.Kind == "" || was.Kind == tx.Kind)
}

// asTold tells whether a record is the one that somebody was told of.
func asTold(told, is *chain.Record) bool {
	return told.Kind == "" || bytes.Equal(chain.AppendRecord(nil, told, decimals), chain.AppendRecord(nil, is, decimals))
}

// checkHolds: what a hold has taken from its sender goes to its recipient or back, once.
// Whoever decides it does so before its time; when that has come, it goes back before
// anything else is decided.
func checkHolds(end *ledger, say func(rule, format string, args ...any)) {
	open, ended := map[chain.ID]*chain.Record{}, map[chain.ID]chain.ID{}
	for i := range end.records {
		r := &end.records[i].Record
		expired := r.Reason == chain.HoldExpired
		for id, h := range open {
			if r.Time >= h.HoldUntil.Micros() && !expired {
				say(ruleHolds, "%s, of %d, is decided at %d, and the hold has not gone back", id, h.HoldUntil, r.Time)
				delete(open, id)
			}
		}
		switch {
		case r.Kind == chain.Hold:
			open[r.ID] = r
			continue
		case r.Hold.IsZero():
			continue
		}
		h, is := open[r.Hold]
		switch by, was := ended[r.Hold]; {
		case was:
			say(ruleHolds, "%s was ended by %s, and is by %s", r.Hold, by, r.ID)
			continue
		case !is:
			say(ruleHolds, "%s ends %s, which is none", r.ID, r.Hold)
			continue
		}
		if r.Sender != h.Sender || r.Recipient != h.Recipient || r.AmountSend+r.AmountRefund != h.AmountSend {
			say(ruleHolds, "%s: %+v ends %+v", r.Hold, *r, *h)
		}
		if late := r.Time >= h.HoldUntil.Micros(); late != expired || expired != (r.ID == chain.ExpiryID(r.Hold)) {
			say(ruleHolds, "%s, of %d, is ended by %s at %d, for %q", r.Hold, h.HoldUntil, r.ID, r.Time, r.Reason)
		}
		delete(open, r.Hold)
		ended[r.Hold] = r.ID
	}
}
