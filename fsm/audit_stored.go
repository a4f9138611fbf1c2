package fsm

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// Compare checks, after the last block of a chain, that what a store holds
// beside the blocks is what they come to: where the chain stands, its totals,
// every account and every hold. Records that no block holds yet are audited
// first and become part of the books, so the audit ends here. s is a store that nobody has written to since
// it was opened. Errors that wrap chain.ErrInvalid name the first difference.
func (a *Auditor) Compare(s *store.Store) error {
	token := a.Verifier.Contract.Token
	info, err := s.Contract(token)
	if err != nil {
		return err
	}
	if info.Length != a.Verifier.Length() || info.Tip != a.Verifier.Tip() {
		return differs("the chain is said to end with block %d, %s", info.Length, info.Tip)
	}
	pending, err := s.Pending(token)
	if err != nil {
		return err
	}
	if err := a.takePending(pending); err != nil {
		return err
	}
	switch {
	case info.Totals != a.Totals:
		return differs("totals are %+v, the records come to %+v", info.Totals, a.Totals)
	case info.Records != a.Records+uint64(len(pending)):
		return differs("%d records are counted, there are %d", info.Records, a.Records+uint64(len(pending)))
	case info.OpenHolds != a.Holds().Count():
		return differs("%d holds are open, the records leave %d", info.OpenHolds, a.Holds().Count())
	}
	if err := a.compareAccounts(s, token); err != nil {
		return err
	}
	return a.compareHolds(s, token)
}

// takePending audits final records as the block that would hold them.
func (a *Auditor) takePending(records []chain.Record) error {
	b, err := a.scratch.tryPending(&a.memory, &a.Verifier, records)
	if b == nil {
		return err
	}
	a.scratch.commit(&a.memory, b)
	a.Totals = a.scratch.totals
	return nil
}

func (a *Auditor) compareAccounts(s *store.Store, token string) error {
	stored := 0
	err := s.Accounts(token, func(name string, kept chain.Account) error {
		want, known := a.accounts[name]
		if !known {
			return differs("account %q has %+v, and no record names it", name, kept)
		}
		if !sameAccount(kept, want) {
			return differs("account %q has %s, the records come to %s", name, describe(kept), describe(want))
		}
		stored++
		return nil
	})
	if err != nil || stored == len(a.accounts) {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.accounts)) {
		kept, err := s.Account(token, name)
		if err != nil {
			return err
		}
		if !sameAccount(kept, a.accounts[name]) {
			return differs("account %q is missing, the records come to %s", name, describe(a.accounts[name]))
		}
	}
	return nil
}

func (a *Auditor) compareHolds(s *store.Store, token string) error {
	stored := 0
	err := s.Holds(token, func(id chain.ID, kept chain.HoldState) error {
		if want, known := a.holds[id]; !known || kept != want {
			return differs("hold %s is %+v, the records come to %+v", id, kept, want)
		}
		stored++
		return nil
	})
	if err == nil && stored != len(a.holds) {
		err = differs("%d holds are there, the records come to %d", stored, len(a.holds))
	}
	return err
}

func sameAccount(a, b chain.Account) bool {
	switch {
	case a.Balance != b.Balance || a.Records != b.Records || (a.Wallet == nil) != (b.Wallet == nil):
		return false
	case a.Wallet == nil:
		return true
	}
	return *a.Wallet == *b.Wallet
}

// describe is an account in base units.
func describe(a chain.Account) string {
	text := fmt.Sprintf("%d units after %d records", a.Balance, a.Records)
	if a.Wallet != nil {
		text += fmt.Sprintf(" and rules %+v", *a.Wallet)
	}
	return text
}

func differs(format string, args ...any) error {
	return fmt.Errorf("%w: the stored state is not what the blocks come to: %s", chain.ErrInvalid, fmt.Sprintf(format, args...))
}
