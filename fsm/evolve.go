package fsm

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// evolve changes accounts, holds and totals as r says. Members run it on what
// they decided, followers and auditors on what stands in a block. When a
// balance or a total would leave its range it changes nothing and says so by
// code.
func evolve(l accounts, c *chain.Contract, totals *chain.Totals, r *chain.Record) error {
	if r.Kind == chain.Rules {
		setRules(l, c, r)
		return nil
	}
	after := *totals
	m, err := movesOf(c, &after, r)
	if err != nil {
		return err
	}
	if err := inRange(&after); err != nil {
		return err
	}
	if err := m.apply(l, c); err != nil {
		return err
	}
	*totals = after
	evolveHold(l, r)
	spend(l, c, r)
	return nil
}

// movesOf is what r does to accounts, and to the totals, which may leave their
// range.
func movesOf(c *chain.Contract, after *chain.Totals, r *chain.Record) (m moves, err error) {
	switch r.Kind {
	case chain.Transfer:
		m.add(r.Sender, -r.AmountSend)
		m.deliver(c, after, r)
	case chain.Hold:
		m.add(r.Sender, -r.AmountSend)
		after.Held += r.AmountSend
	case chain.Delivery:
		after.Held -= r.AmountSend
		m.deliver(c, after, r)
	case chain.Refund:
		if !r.Hold.IsZero() { // a transfer that failed at once has moved nothing
			after.Held -= r.AmountRefund
			m.add(r.Sender, r.AmountRefund)
		}
	case chain.Issue:
		after.Issued += r.Amount
		m.add(r.Recipient, r.Amount)
	case chain.Spend:
		after.Fees -= r.Amount
		m.add(r.BPSC, -r.Amount)
		m.add(r.Recipient, r.Amount)
	case chain.Burn:
		after.Fees -= r.Amount
		after.Burned += r.Amount
		m.add(r.BPSC, -r.Amount)
	case chain.Recovery: // a mark, see recovered
	default:
		return m, fmt.Errorf("%w: nobody knows what a %q moves", chain.KindInvalid, r.Kind)
	}
	return m, nil
}

// deliver is the second half of a transfer: the fee and the rest.
func (m *moves) deliver(c *chain.Contract, totals *chain.Totals, r *chain.Record) {
	m.add(r.Recipient, r.AmountReceive)
	switch {
	case c.Fees == chain.BurnFees:
		totals.Burned += r.AmountBPSC
	case r.AmountBPSC > 0:
		totals.Fees += r.AmountBPSC
		m.add(r.BPSC, r.AmountBPSC)
	}
}

func inRange(t *chain.Totals) error {
	if t.Fees < 0 {
		return chain.InsufficientFees
	}
	for _, total := range []chain.Amount{t.Issued, t.Burned, t.Fees, t.Held} {
		if total < 0 || total > chain.MaxUnits {
			return chain.TotalOutOfRange
		}
	}
	return nil
}

// evolveHold opens the hold that r is, or ends the one that r resolves.
func evolveHold(l accounts, r *chain.Record) {
	if r.Kind == chain.Hold {
		l.SetHold(r.ID, chain.HoldState{Sender: r.Sender, Recipient: r.Recipient, Amount: r.AmountSend, Until: r.HoldUntil})
		return
	}
	if r.Hold.IsZero() {
		return
	}
	h, _ := l.Hold(r.Hold)
	switch {
	case r.Kind == chain.Delivery:
		h.Ended = chain.HoldDelivered
	case r.Reason == chain.Rejected:
		h.Ended = chain.HoldRejected
	case r.Reason == chain.HoldExpired:
		h.Ended = chain.HoldHasExpired
	default:
		h.Ended = chain.HoldRefunded
	}
	l.SetHold(r.Hold, h)
}

// spend counts what a wallet sends while it has a daily limit.
func spend(l wallets, c *chain.Contract, r *chain.Record) {
	if r.Kind != chain.Transfer && r.Kind != chain.Hold || c.Wallets == chain.OpenWallets {
		return
	}
	before := l.Account(r.Sender)
	if before.Wallet == nil || before.Wallet.PerDay.At(r.Time) == 0 {
		return
	}
	w := *before.Wallet
	w.Spent = spentOn(w, r.Time) + r.AmountSend
	w.Day = r.Time.Day()
	now := before
	now.Wallet = &w
	l.SetAccount(r.Sender, before, now)
}

// setRules changes what is set for a wallet.
func setRules(l wallets, c *chain.Contract, r *chain.Record) {
	p, name := r.Rules, r.Sender
	if p.Account != "" {
		name = p.Account
	}
	before := l.Account(name)
	w := wallet(before)
	if p.Frozen != nil {
		w.Frozen = *p.Frozen
	}
	if p.NewKey != nil {
		w.Key = *p.NewKey
	}
	if p.Receive != nil {
		w.Receive = chain.Receive(strings.Clone(string(*p.Receive))) // of the request's memory
	}
	if p.PerTransfer != nil {
		w.PerTransfer = w.PerTransfer.Change(*p.PerTransfer, r.Time, c.LooseningDelay)
	}
	if p.PerDay != nil {
		w.PerDay = w.PerDay.Change(*p.PerDay, r.Time, c.LooseningDelay)
	}
	now := before
	now.Wallet = &w
	now.Records++
	l.SetAccount(name, before, now)
}

// moves is what one record does to each account it touches, each account once
// whatever its parts in it.
type moves struct {
	n    int
	list [3]move
}

type move struct {
	name        string
	delta       chain.Amount
	before, now chain.Account
}

func (m *moves) add(name string, delta chain.Amount) {
	for i := range m.list[:m.n] {
		if m.list[i].name == name {
			m.list[i].delta += delta
			return
		}
	}
	m.list[m.n] = move{name: name, delta: delta}
	m.n++
}

// apply looks at all accounts before it changes the first.
func (m *moves) apply(l accounts, c *chain.Contract) error {
	for i := range m.list[:m.n] {
		mv := &m.list[i]
		mv.before = l.Account(mv.name)
		balance, ok := mv.before.Balance.Plus(mv.delta)
		switch {
		case !ok:
			return chain.BalanceOutOfRange
		case balance < 0 && c.Wallets == chain.SignedWallets:
			return chain.InsufficientFunds
		}
		mv.now = mv.before
		mv.now.Balance = balance
		mv.now.Records++
	}
	for i := range m.list[:m.n] {
		mv := &m.list[i]
		l.SetAccount(mv.name, mv.before, mv.now)
	}
	return nil
}
