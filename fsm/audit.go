package fsm

import (
	"bytes"
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// Auditor checks a whole chain from its blocks alone: all that
// chain.Verifier checks, and that no id stands twice, that the contract's rules
// make of each transaction what its record says, and that the totals in each
// block are what the records come to. It holds all accounts and ids in memory.
type Auditor struct {
	Verifier chain.Verifier
	Totals   chain.Totals
	Records  uint64
	accounts map[string]chain.Account
	holds    map[chain.ID]chain.HoldState
	open     int // holds
	ids      map[chain.ID]struct{}
	sum      chain.Amount
}

// NewAuditor returns an auditor that awaits a genesis block.
func NewAuditor() *Auditor {
	return &Auditor{accounts: map[string]chain.Account{}, holds: map[chain.ID]chain.HoldState{}, ids: map[chain.ID]struct{}{}}
}

// Account returns a wallet as the blocks so far leave it.
func (a *Auditor) Account(name string) chain.Account { return a.accounts[name] }

// SetAccount is for evolve.
func (a *Auditor) SetAccount(name string, before, now chain.Account) {
	a.sum += now.Balance - before.Balance
	a.accounts[name] = now
}

// Hold, SetHold and OpenHolds are for decide and evolve.
func (a *Auditor) Hold(id chain.ID) (chain.HoldState, bool) {
	h, ok := a.holds[id]
	return h, ok
}

func (a *Auditor) SetHold(id chain.ID, s chain.HoldState) {
	if s.Ended == "" {
		a.open++
	} else {
		a.open--
	}
	a.holds[id] = s
}

func (a *Auditor) OpenHolds() int { return a.open }

// Next checks the next block. An error wraps chain.ErrInvalid and ends the
// audit.
func (a *Auditor) Next(canonical []byte) (*chain.Block, error) {
	b, err := a.Verifier.Next(canonical)
	if err != nil {
		return nil, err
	}
	if c := b.Contract; c != nil && c.Supply > 0 {
		a.Totals.Issued = c.Supply
		a.SetAccount(c.Issuer, chain.Account{}, chain.Account{Balance: c.Supply})
	}
	for i := range b.Records {
		if err := a.record(&b.Records[i]); err != nil {
			return nil, fmt.Errorf("%w: block %d, record %d: %w", chain.ErrInvalid, b.Index, i, err)
		}
	}
	if a.Totals != *b.Totals {
		return nil, fmt.Errorf("%w: block %d: totals are %+v, the records come to %+v", chain.ErrInvalid, b.Index, *b.Totals, a.Totals)
	}
	if t := a.Totals; a.sum+t.Held+t.Burned != t.Issued {
		return nil, fmt.Errorf("%w: block %d: tokens came out of nothing", chain.ErrInvalid, b.Index)
	}
	return b, nil
}

func (a *Auditor) record(r *chain.Record) error {
	if _, twice := a.ids[r.ID]; twice {
		return fmt.Errorf("id %s stands twice", r.ID)
	}
	a.ids[r.ID] = struct{}{}
	a.Records++
	contract := &a.Verifier.Contract
	if contract.Wallets == chain.OpenWallets { // the Verifier has checked all that is decided there
		return evolve(a, contract, &a.Totals, r)
	}
	want, err := a.decideAgain(r)
	if err != nil {
		return err
	}
	got := chain.AppendRecord(nil, r, contract.Decimals)
	if !bytes.Equal(got, chain.AppendRecord(nil, &want, contract.Decimals)) {
		return fmt.Errorf("the contract's rules make another record of what was asked: %s", chain.AppendRecord(nil, &want, contract.Decimals))
	}
	return evolve(a, contract, &a.Totals, r)
}

// decideAgain makes the decision that r says was made, from what was asked and
// the state before it.
func (a *Auditor) decideAgain(r *chain.Record) (chain.Record, error) {
	t, asked := r.Transaction()
	if asked {
		return decide(question{a, &a.Verifier.Contract, &t, r.Time})
	}
	h, known := a.Hold(r.Hold)
	if !known || h.Ended != "" || h.Until*second > r.Time {
		return chain.Record{}, fmt.Errorf("no hold %s has expired", r.Hold)
	}
	return expire(r.Hold, h, r.Time), nil
}
