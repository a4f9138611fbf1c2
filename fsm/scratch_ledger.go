package fsm

import "github.com/bpsc/bpsc/chain"

// The ledger that a scratch is for decide and evolve: what the block has
// touched so far, and the books below.

// account returns the place of a wallet among the touched.
func (s *scratch) account(name string) *touchedAccount {
	i, known := s.accounts[name]
	if !known {
		i = len(s.touched)
		a := s.below.Account(name)
		s.touched = append(s.touched, touchedAccount{name, a, a})
		s.accounts[name] = i
	}
	return &s.touched[i]
}

// Account returns a wallet as the block so far leaves it.
func (s *scratch) Account(name string) chain.Account { return s.account(name).now }

// SetAccount, Hold, SetHold and those after them are for decide and evolve.
func (s *scratch) SetAccount(name string, before, now chain.Account) {
	s.sum += now.Balance - before.Balance
	s.account(name).now = now
}

func (s *scratch) hold(id chain.ID) *touchedHold {
	i, touched := s.holds[id]
	if !touched {
		i = len(s.held)
		state, known := s.below.Hold(id)
		s.held = append(s.held, touchedHold{id, known, state})
		s.holds[id] = i
	}
	return &s.held[i]
}

func (s *scratch) Hold(id chain.ID) (chain.HoldState, bool) {
	h := s.hold(id)
	return h.state, h.known
}

func (s *scratch) SetHold(id chain.ID, state chain.HoldState) {
	if state.Ended == "" {
		s.open++
		s.sent[state.Sender]++
	} else {
		s.open--
		s.sent[state.Sender]--
	}
	s.opened.Set(id, state)
	h := s.hold(id)
	h.known, h.state = true, state
}

func (s *scratch) OpenHolds() int { return s.open }

func (s *scratch) OpenHoldsOf(sender string) int { return s.below.OpenHoldsOf(sender) + s.sent[sender] }

func (s *scratch) Supply() chain.Amount { return s.totals.Issued - s.totals.Burned }
