package fsm

import (
	"bytes"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/holds"
)

// scratch is a ledger that one block is tried on. It lies on the books and
// holds what the block changes, until everything about the block has proved
// right: a bad one leaves no trace in them.
type scratch struct {
	below    books
	contract *chain.Contract
	accounts map[string]int // place in touched
	touched  []touchedAccount
	holds    map[chain.ID]int // place in held
	held     []touchedHold
	open     int            // holds
	sent     map[string]int // what the block adds to a sender's open holds
	opened   holds.Queue    // holds of this block
	waiting  holds.Queued   // the first of the holds below that may still be open, if there is one
	waits    bool
	clock    chain.Micros // of the chain: machine time of what came last
	ids      map[chain.ID]struct{}
	totals   chain.Totals
	sum      chain.Amount // of all balances
}

type touchedAccount struct {
	name        string
	before, now chain.Account
}

type touchedHold struct {
	id    chain.ID
	known bool
	state chain.HoldState
}

func newScratch() *scratch {
	return &scratch{accounts: map[string]int{}, holds: map[chain.ID]int{}, sent: map[string]int{}, ids: map[chain.ID]struct{}{}}
}

// start empties s and lays it on the books of a chain.
func (s *scratch) start(below books, c *chain.Contract) {
	if len(s.ids) > scratchKept {
		*s = *newScratch() // to clear a large map costs as much as to fill it, for small blocks too
	}
	s.below, s.contract = below, c
	clear(s.accounts)
	clear(s.holds)
	clear(s.ids)
	clear(s.sent)
	s.touched, s.held = s.touched[:0], s.held[:0]
	s.totals, s.sum = below.sums()
	s.open, s.opened = below.Holds().Count(), holds.Queue{}
	s.waiting, s.waits = below.Holds().First()
	s.clock = below.tipTime()
}

// try takes a block that links to what the books hold, and checks that no id
// stands twice, that the contract's rules make of each transaction what its
// record says, and that the totals in the block are what the records come to.
// Its errors wrap chain.ErrInvalid and name the block.
func (s *scratch) try(below books, c *chain.Contract, b *chain.Block) error {
	s.start(below, c)
	if b.Contract != nil && c.Supply > 0 {
		s.totals.Issued = c.Supply
		s.SetAccount(c.Issuer, chain.Account{}, chain.Account{Balance: c.Supply})
	}
	for i := range b.Records {
		if err := s.record(&b.Records[i]); err != nil {
			return fmt.Errorf("%w: block %d, %w", chain.ErrInvalid, b.Index, &chain.RecordError{Position: i, Err: err})
		}
	}
	if s.totals != *b.Totals {
		return fmt.Errorf("%w: block %d: totals are %+v, the records come to %+v", chain.ErrInvalid, b.Index, *b.Totals, s.totals)
	}
	if err := s.end(b); err != nil {
		return fmt.Errorf("%w: block %d: %w", chain.ErrInvalid, b.Index, err)
	}
	if t := s.totals; s.sum+t.Held+t.Burned != t.Issued {
		return fmt.Errorf("%w: block %d: tokens came out of nothing", chain.ErrInvalid, b.Index)
	}
	return nil
}

// commit writes what the block that was tried changes into its books, or those
// that take their place.
func (s *scratch) commit(to books, b *chain.Block) {
	for i := range s.touched {
		if t := &s.touched[i]; t.now != t.before {
			to.SetAccount(t.name, t.before, t.now)
		}
	}
	for i := range s.held {
		if h := &s.held[i]; h.known {
			to.SetHold(h.id, h.state)
		}
	}
	for i := range b.Records {
		to.setDecided(b.Records[i].ID, b.Index, i)
	}
}

func (s *scratch) record(r *chain.Record) error {
	if _, twice := s.ids[r.ID]; twice || s.below.decided(r.ID) {
		return fmt.Errorf("id %s stands twice", r.ID)
	}
	s.ids[r.ID] = struct{}{}
	if r.Kind == chain.Recovery {
		return s.recovered(r)
	}
	if s.contract.Wallets == chain.OpenWallets { // CheckBlock has checked all that is decided there
		return evolve(s, s.contract, &s.totals, r)
	}
	want, err := s.decideAgain(r)
	if err != nil {
		return err
	}
	if want != *r { // what was asked is shared, all else is compared by value
		text := chain.AppendRecord(nil, &want, s.contract.Decimals)
		if !bytes.Equal(chain.AppendRecord(nil, r, s.contract.Decimals), text) {
			return fmt.Errorf("the contract's rules make another record of what was asked: %s", text)
		}
	}
	return evolve(s, s.contract, &s.totals, r)
}

// decideAgain makes the decision that r says was made, from what was asked and
// the state before it.
func (s *scratch) decideAgain(r *chain.Record) (chain.Record, error) {
	if err := s.moveClock(r.Time); err != nil {
		return chain.Record{}, err
	}
	t, asked := r.Transaction()
	if !asked {
		return s.expireAgain(r)
	}
	if err := s.settled(); err != nil {
		return chain.Record{}, err
	}
	return decide(input{s, s.contract, &t, r.Time})
}

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

func (s *scratch) OpenHoldsOf(sender string) int {
	return s.below.Holds().SentBy(sender) + s.sent[sender]
}

func (s *scratch) Supply() chain.Amount { return s.totals.Issued - s.totals.Burned }
