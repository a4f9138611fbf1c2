package chain

import (
	"errors"
	"fmt"
)

// Checked is a block that is good by itself: canonical form, record form, fee
// arithmetic, Merkle root, and for a signed contract the ids and signatures of
// its records. What is left to check needs the block before it; see
// Verifier.Link. CheckBlock makes them.
type Checked struct {
	Block     *Block
	Canonical []byte
	Records   []Span // where each record stands in Canonical
	Hash      Hash

	contract  *Contract // by whose rules it was checked
	chainID   Hash
	textBytes int // of the records and what stands between them
}

// CheckBlock checks one block by itself. contract is that of its chain and id
// the hash of the chain's genesis block; for a genesis block both come from the
// block, and contract is nil. The result keeps canonical and contract, which
// must not change any more. Errors wrap ErrInvalid, and name the block where
// its index can be read. Any goroutines may call it at once.
func CheckBlock(canonical []byte, contract *Contract, id Hash) (Checked, error) {
	c, claims, err := CheckClaims(canonical, contract, id)
	if err != nil || len(claims) == 0 {
		return c, err
	}
	batch := make([]Signed, len(claims))
	for i := range claims {
		batch[i] = claims[i].Signed
	}
	for i, good := range VerifyBatch(batch) {
		if !good {
			return Checked{}, claims[i].NotSigned(c.Block.Index)
		}
	}
	return c, nil
}

// CheckClaims is CheckBlock but for the signatures: the block is good if all the claims
// are, which the caller has to find out.
func CheckClaims(canonical []byte, contract *Contract, id Hash) (Checked, []Claim, error) {
	if len(canonical) > MaxBlockBytes {
		return Checked{}, nil, invalid("%d bytes, at most %d", len(canonical), MaxBlockBytes)
	}
	decimals := 0
	if contract != nil {
		decimals = contract.Decimals
	}
	d, err := decodeBlock(canonical, decimals)
	if err != nil {
		return Checked{}, nil, err
	}
	b := d.block
	c := Checked{Block: b, Canonical: canonical, Records: d.records, Hash: HashBytes(canonical), contract: contract, chainID: id}
	if contract == nil {
		c.contract, c.chainID = b.Contract, c.Hash
	}
	claims, err := c.check(contract == nil)
	if err != nil {
		return Checked{}, nil, fmt.Errorf("block %d: %w", b.Index, err)
	}
	return c, claims, nil
}

func (c *Checked) check(genesis bool) ([]Claim, error) {
	b := c.Block
	switch {
	case !b.HasRoot || b.Totals == nil:
		return nil, invalid("transactions_root or totals are missing")
	case genesis:
		if err := checkGenesis(b); err != nil {
			return nil, err
		}
	case b.Contract != nil:
		return nil, invalid("a contract stands in the genesis block only")
	case b.Index <= 1:
		return nil, invalid("index is %d, expected 2 or more", b.Index)
	}
	return c.checkRecords()
}

func checkGenesis(b *Block) error {
	if b.Index != 1 {
		return invalid("index is %d, expected 1", b.Index)
	}
	if b.Contract == nil {
		return invalid("the genesis block has no contract")
	}
	want := Totals{Issued: b.Contract.Supply}
	if b.PreviousHash != GenesisPrevious || b.Trigger != ByGenesis || len(b.Records) > 0 || *b.Totals != want {
		return invalid("the genesis block must start a chain and move nothing")
	}
	return nil
}

func (c *Checked) checkRecords() ([]Claim, error) {
	b := c.Block
	var root RootBuilder
	for i := range b.Records {
		r := &b.Records[i]
		if err := checkRecord(c.contract, r); err != nil {
			return nil, &RecordError{i, err}
		}
		if r.Kind == Recovery && r.Time > b.Timestamp { // in an open contract nothing else has a time
			return nil, timeOutside(i)
		}
		root.Add(c.Canonical[c.Records[i].From:c.Records[i].To])
	}
	if n := len(c.Records); n > 0 {
		c.textBytes = c.Records[n-1].To - c.Records[0].From
		if before := c.Records[max(n-2, 0)].To - c.Records[0].From; n > 1 && !HasRoom(before) {
			return nil, invalid("it was full by size before its last record")
		}
	}
	if root.Root() != b.Root {
		return nil, invalid("transactions_root does not match the records")
	}
	if c.contract.Wallets == SignedWallets {
		return c.claims()
	}
	return nil, nil
}

// checkRecord checks one record against the contract alone: its form and its
// fee arithmetic. In an open contract no more is decided, so the record is
// exactly the one that the rules make of what was asked, and carries nothing
// beside it.
func checkRecord(c *Contract, r *Record) error {
	switch {
	case r.ID.IsZero():
		return invalid("the record has no id")
	case r.Kind == Recovery:
		return checkRecovery(r)
	case r.HasMemo && r.Memo == "":
		return invalid("an empty memo is written as none")
	case c.Wallets == OpenWallets:
		return checkOpenRecord(c, r)
	}
	if r.Kind == Transfer || r.Kind == Delivery {
		if err := checkFee(c, r); err != nil {
			return err
		}
	}
	t, asked := r.Transaction()
	if !asked {
		return checkExpiry(r)
	}
	if err := t.Validate(c); err != nil {
		return invalid("%v", err)
	}
	return nil
}

func checkOpenRecord(c *Contract, r *Record) error {
	if r.Kind != Transfer {
		return invalid("kind %q is not of an open contract", r.Kind)
	}
	if err := checkFee(c, r); err != nil {
		return err
	}
	t := Transaction{ID: r.ID, Sender: r.Sender, Recipient: r.Recipient, Amount: r.AmountSend, Memo: r.Memo}
	if err := t.Validate(c); err != nil {
		return invalid("%v", err)
	}
	want, err := NewTransfer(c, &t)
	if err != nil {
		return invalid("%v", err)
	}
	if want != *r {
		return invalid("the contract's rules make another record of what was asked: %s", AppendRecord(nil, &want, c.Decimals))
	}
	return nil
}

func checkFee(c *Contract, r *Record) error {
	fee := Fee(r.AmountSend, c.FeePPM)
	if r.BPSC != c.BPSC || r.AmountBPSC != fee || r.AmountReceive != r.AmountSend-fee || r.AmountReceive < 1 {
		return invalid("fee or rest is not what the contract says")
	}
	return nil
}

// checkExpiry checks a refund that the machine made by itself.
func checkExpiry(r *Record) error {
	if r.Kind != Refund || r.Auth != nil || r.Reason != HoldExpired || r.ID != ExpiryID(r.Hold) {
		return invalid("nobody asked for this record")
	}
	return nil
}

// claims are who asked for the records by what these say. It checks that their times
// follow one another.
func (c *Checked) claims() ([]Claim, error) {
	b := c.Block
	reader := claimReader{contract: c.contract, id: c.chainID,
		claims: make([]Claim, 0, len(b.Records)), messages: make([]byte, 0, len(c.Canonical)/8*5)}
	for i := range b.Records {
		r := &b.Records[i]
		if r.Time > b.Timestamp || i > 0 && r.Time < b.Records[i-1].Time {
			return nil, timeOutside(i)
		}
		if err := reader.add(r, i); err != nil {
			return nil, err
		}
	}
	return reader.claims, nil
}

func timeOutside(record int) error {
	return invalidRecord(record, "its time is not between those of the blocks")
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// RecordError is what is wrong with one record of a block.
type RecordError struct {
	Position int // of the record in its block, from 0
	Err      error
}

func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %v", e.Position, e.Err) }

func (e *RecordError) Unwrap() error { return e.Err }

func invalidRecord(position int, reason string) error {
	return fmt.Errorf("%w: %w", ErrInvalid, &RecordError{position, errors.New(reason)})
}
