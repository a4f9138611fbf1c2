package fsm

import (
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
	"github.com/bpsc/bpsc/store/holds"
)

// wallets are accounts by their names.
type wallets interface {
	Account(name string) chain.Account
	SetAccount(name string, before, now chain.Account)
}

// accounts are what records change.
type accounts interface {
	wallets
	Hold(id chain.ID) (chain.HoldState, bool)
	SetHold(id chain.ID, s chain.HoldState)
}

// ledger is what decisions look at besides: a member's store, or the scratch of
// whoever checks a chain.
type ledger interface {
	accounts
	OpenHolds() int
	OpenHoldsOf(sender string) int
	Supply() chain.Amount // issued and not burned
}

// books are what the blocks of a chain have come to: a store, or the memory of
// an auditor.
type books interface {
	accounts
	decided(id chain.ID) bool
	setDecided(id chain.ID, block uint64, position int)
	Holds() *holds.Queue   // the open ones
	tipTime() chain.Micros // of the last block
	sums() (totals chain.Totals, balances chain.Amount)
}

// headLedger is one chain's part of the store.
type headLedger struct {
	tx *store.Tx
	h  *store.Head
}

func (l headLedger) Account(name string) chain.Account { return l.tx.Account(l.h, name) }

func (l headLedger) SetAccount(name string, before, now chain.Account) {
	l.tx.SetAccount(l.h, name, before, now)
}

func (l headLedger) Hold(id chain.ID) (chain.HoldState, bool) { return l.tx.Hold(l.h, id) }

func (l headLedger) SetHold(id chain.ID, s chain.HoldState) { l.tx.SetHold(l.h, id, s) }

func (l headLedger) OpenHolds() int { return l.h.Holds().Count() }

func (l headLedger) OpenHoldsOf(sender string) int { return l.h.Holds().SentBy(sender) }

func (l headLedger) Supply() chain.Amount { return l.h.Totals.Issued - l.h.Totals.Burned }

func (l headLedger) decided(id chain.ID) bool {
	_, known := l.tx.Placement(l.h, id)
	return known
}

func (l headLedger) setDecided(id chain.ID, block uint64, position int) {
	l.tx.SetPlacement(l.h, id, store.Placement{Block: block, Position: position})
}

func (l headLedger) Holds() *holds.Queue { return l.h.Holds() }

func (l headLedger) tipTime() chain.Micros { return l.h.Timestamp }

func (l headLedger) sums() (chain.Totals, chain.Amount) { return l.h.Totals, l.h.BalanceSum }

// machineLedger is the part of the store that a machine changes. Every change
// of a chain's state is folded into its digest, in the order in
// which it is made: members whose digests are equal after a block have made
// the same changes up to there, and read the same values on the way. Blocks
// need no folding, for their hashes say the same of them.
type machineLedger struct{ headLedger }

// SetAccount also folds the change.
func (l machineLedger) SetAccount(name string, before, now chain.Account) {
	l.headLedger.SetAccount(name, before, now)
	foldAccount(l.tx, l.h, name, now)
}

// SetHold also folds the change.
func (l machineLedger) SetHold(id chain.ID, s chain.HoldState) {
	l.headLedger.SetHold(id, s)
	foldHold(l.tx, l.h, id, s)
}
