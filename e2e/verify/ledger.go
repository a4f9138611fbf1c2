// Package verify checks a chain from nothing but its text, with nothing but
// the standard library. It shares no code with the product on purpose: a rule
// that both got wrong in the same way would pass unseen.
package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
)

// Place is where a record stands in the chain.
type Place struct {
	Block    uint64
	Position int
	Record   Record
	Amount   int64 // sent, or sent back, in base units; 0 of rules
}

// Ledger is what a chain comes to.
type Ledger struct {
	Contract Contract
	Blocks   []Block
	Records  map[string]Place // by id
	Balances map[string]int64 // in base units
	Holds    map[string]Hold  // by id, the resolved ones too
	Wallets  map[string]Wallet

	issued, burned, fees, held int64
	every                      *big.Rat // seconds, or nil
	chainID                    string   // hash of the genesis block
	clock                      *big.Rat // of a signed contract: time of its last record or block, else nil
	marked                     *big.Rat // of an open contract: time of the last recovery, or nil
	due                        *big.Rat // when the next block is due by time, or nil
	waiting                    []waiting
	previous                   string // hash of the newest block
}

// Check replays a chain, given as the texts of its blocks, and returns what it
// comes to, or the first thing that is wrong with it.
func Check(texts [][]byte) (*Ledger, error) {
	l := New()
	for _, text := range texts {
		if err := l.Append(text); err != nil {
			return nil, err
		}
	}
	if len(texts) == 0 {
		return nil, errors.New("a chain has at least its genesis block")
	}
	return l, nil
}

// New is what no block at all comes to.
func New() *Ledger {
	return &Ledger{
		Records: map[string]Place{}, Balances: map[string]int64{}, Holds: map[string]Hold{}, Wallets: map[string]Wallet{},
		previous: "1",
	}
}

// Append replays the next block. After an error the ledger is of no use.
func (l *Ledger) Append(text []byte) error {
	index := uint64(len(l.Blocks) + 1)
	b, err := decodeBlock(text)
	if err == nil {
		err = l.add(index, b, l.previous)
	}
	if err != nil {
		return fmt.Errorf("block %d: %w", index, err)
	}
	sum := sha256.Sum256(text)
	l.previous = hex.EncodeToString(sum[:])
	if index == 1 {
		l.chainID = l.previous
	}
	return nil
}

func (l *Ledger) add(index uint64, b Block, previous string) error {
	if b.Index != index {
		return fmt.Errorf("index is %d", b.Index)
	}
	if b.PreviousHash != previous {
		return fmt.Errorf("previous_hash is %s, the block before hashes to %s", b.PreviousHash, previous)
	}
	if root := merkleRoot(b.Transactions); b.Root != root {
		return fmt.Errorf("transactions_root is %s, the records give %s", b.Root, root)
	}
	if index == 1 {
		if err := l.begin(b); err != nil {
			return err
		}
	} else if err := errors.Join(l.checkSchedule(b), l.startBlock()); err != nil {
		return err
	}
	for position := range b.Transactions {
		if err := l.apply(index, position, b); err != nil {
			return fmt.Errorf("record %d: %w", position, err)
		}
	}
	if index > 1 {
		if err := l.endBlock(b); err != nil {
			return err
		}
	}
	if err := l.checkTotals(b.Totals); err != nil {
		return err
	}
	l.Blocks = append(l.Blocks, b)
	return nil
}

func (l *Ledger) begin(b Block) error {
	if b.Contract == nil || b.Trigger != "genesis" || len(b.Transactions) != 0 {
		return errors.New("the genesis block has a contract, no records and the trigger genesis")
	}
	l.Contract = *b.Contract
	if l.signed() {
		if want := WalletOf(l.Contract.Token); l.Contract.BPSC != want {
			return fmt.Errorf("the BPSC's wallet is %s, its token gives %s", l.Contract.BPSC, want)
		}
	}
	if s := l.Contract.Schedule.Every; s != "" {
		every, ok := new(big.Rat).SetString(s.String())
		if !ok {
			return fmt.Errorf("schedule.every is %s", s)
		}
		l.every = every
	}
	if l.Contract.Supply != "" {
		supply, err := l.units(l.Contract.Supply)
		if err != nil {
			return err
		}
		l.issued = supply
		l.Balances[l.Contract.Issuer] += supply
	}
	return nil
}

func (l *Ledger) apply(block uint64, position int, b Block) error {
	text := b.Transactions[position]
	r, err := decodeRecord(text)
	if err != nil {
		return err
	}
	if err := checkShape(r, l.signed()); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	if at, twice := l.Records[r.ID]; twice {
		return fmt.Errorf("id %s stands in block %d already", r.ID, at.Block)
	}
	if r.Kind == "recovery" {
		err = l.checkRecovery(r, b)
	} else if l.signed() {
		err = l.checkSigned(r, b)
	}
	if err != nil {
		return err
	}
	amount, err := l.move(r)
	if err != nil {
		return err
	}
	l.Records[r.ID] = Place{Block: block, Position: position, Record: r, Amount: amount}
	return nil
}

func (l *Ledger) signed() bool { return l.Contract.Wallets == "signed" }

// feeOf rounds up, and is at least one unit where there is a fee at all.
func (l *Ledger) feeOf(units int64) int64 {
	product := new(big.Int).Mul(big.NewInt(units), big.NewInt(l.Contract.FeePPM))
	fee, rest := new(big.Int).QuoRem(product, big.NewInt(1_000_000), new(big.Int))
	if rest.Sign() > 0 {
		fee.Add(fee, big.NewInt(1))
	}
	return fee.Int64()
}

// checkTotals compares the totals that a block carries, and that nothing came
// into being or was lost.
func (l *Ledger) checkTotals(t Totals) error {
	issued, err1 := l.units(t.Issued)
	burned, err2 := l.units(t.Burned)
	fees, err3 := l.units(t.Fees)
	held, err4 := l.units(t.Held)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	if issued != l.issued || burned != l.burned || fees != l.fees || held != l.held {
		return fmt.Errorf("totals are %+v; the records give issued %d, burned %d, fees %d, held %d units",
			t, l.issued, l.burned, l.fees, l.held)
	}
	sum := burned + held
	for name, balance := range l.Balances {
		if balance < 0 && l.signed() {
			return fmt.Errorf("%s has %d units", name, balance)
		}
		sum += balance
	}
	if sum != issued {
		return fmt.Errorf("balances, what was burned and what is held sum to %d units, issued were %d", sum, issued)
	}
	return nil
}
