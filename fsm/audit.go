package fsm

import (
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/holds"
)

// Auditor checks a whole chain from its blocks alone: all that
// chain.Verifier checks, and that no id stands twice, that the contract's rules
// make of each transaction what its record says, and that the totals in each
// block are what the records come to. It holds all accounts and ids in memory.
type Auditor struct {
	Verifier chain.Verifier
	Records  uint64
	memory
	scratch *scratch
}

// NewAuditor returns an auditor that awaits a genesis block.
func NewAuditor() *Auditor { return &Auditor{memory: newMemory(), scratch: newScratch()} }

// Next checks the next block. An error wraps chain.ErrInvalid and ends the
// audit.
func (a *Auditor) Next(canonical []byte) (*chain.Block, error) {
	b, err := a.Verifier.Next(canonical)
	if err != nil {
		return nil, err
	}
	if err := a.scratch.try(&a.memory, &a.Verifier.Contract, b); err != nil {
		return nil, err
	}
	a.scratch.commit(&a.memory, b)
	a.Totals, a.tip = *b.Totals, b.Timestamp
	a.Records += uint64(len(b.Records))
	return b, nil
}

// memory is the books of one chain without a store.
type memory struct {
	Totals   chain.Totals
	accounts map[string]chain.Account
	holds    map[chain.ID]chain.HoldState
	open     holds.Queue
	tip      chain.Micros // time of the last block
	ids      map[chain.ID]struct{}
	sum      chain.Amount // of all balances
}

func newMemory() memory {
	return memory{accounts: map[string]chain.Account{}, holds: map[chain.ID]chain.HoldState{}, ids: map[chain.ID]struct{}{}}
}

// Account returns a wallet as the blocks so far leave it.
func (m *memory) Account(name string) chain.Account { return m.accounts[name] }

// SetAccount, Hold, SetHold and those after them make memory books.
func (m *memory) SetAccount(name string, before, now chain.Account) {
	m.sum += now.Balance - before.Balance
	m.accounts[name] = now
}

func (m *memory) Hold(id chain.ID) (chain.HoldState, bool) {
	h, ok := m.holds[id]
	return h, ok
}

func (m *memory) SetHold(id chain.ID, s chain.HoldState) {
	m.open.Set(id, s)
	m.holds[id] = s
}

// Holds are the open ones.
func (m *memory) Holds() *holds.Queue { return &m.open }

func (m *memory) tipTime() chain.Micros { return m.tip }

func (m *memory) decided(id chain.ID) bool {
	_, known := m.ids[id]
	return known
}

func (m *memory) setDecided(id chain.ID, _ uint64, _ int) { m.ids[id] = struct{}{} }

func (m *memory) sums() (chain.Totals, chain.Amount) { return m.Totals, m.sum }
