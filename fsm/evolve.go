package fsm

import (
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// ledger is the accounts that a record changes: a member's store, or the
// memory of whoever checks a chain.
type ledger interface {
	Account(name string) chain.Account
	SetAccount(name string, before, now chain.Account)
}

// evolve changes accounts and totals as r says. Members run it on what they
// decided, followers and auditors on what stands in a block. When a balance or
// a total would leave its range it changes nothing and says so by code.
func evolve(l ledger, c *chain.Contract, totals *chain.Totals, r *chain.Record) error {
	after := *totals
	var ok bool
	if c.Fees == chain.BurnFees {
		after.Burned, ok = totals.Burned.Plus(r.AmountBPSC)
	} else {
		after.Fees, ok = totals.Fees.Plus(r.AmountBPSC)
	}
	if !ok {
		return chain.TotalOutOfRange
	}
	var m moves
	m.add(r.Sender, -r.AmountSend)
	m.add(r.Recipient, r.AmountReceive)
	if c.Fees == chain.HoldFees && r.AmountBPSC > 0 {
		m.add(r.BPSC, r.AmountBPSC)
	}
	if err := m.apply(l); err != nil {
		return err
	}
	*totals = after
	return nil
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
func (m *moves) apply(l ledger) error {
	for i := range m.list[:m.n] {
		mv := &m.list[i]
		mv.before = l.Account(mv.name)
		balance, ok := mv.before.Balance.Plus(mv.delta)
		if !ok {
			return chain.BalanceOutOfRange
		}
		mv.now = chain.Account{Balance: balance, Records: mv.before.Records + 1}
	}
	for i := range m.list[:m.n] {
		mv := &m.list[i]
		l.SetAccount(mv.name, mv.before, mv.now)
	}
	return nil
}

// headLedger is one chain's accounts in the store.
type headLedger struct {
	tx *store.Tx
	h  *store.Head
}

func (l headLedger) Account(name string) chain.Account { return l.tx.Account(l.h, name) }

func (l headLedger) SetAccount(name string, before, now chain.Account) {
	l.tx.SetAccount(l.h, name, before, now)
}
