package chain

import "fmt"

// Verifier checks the blocks of one chain, one after the other from genesis,
// for everything that needs neither balances nor earlier records: canonical
// form, links, roots, record form, fee arithmetic, and that the contract
// allowed each block to be produced when it was. The zero value awaits a
// genesis block. It keeps nothing but the last header.
type Verifier struct {
	Contract Contract
	chainID  Hash // hash of the genesis block
	last     Header
	lastHash Hash
}

// Length is the index of the last block that verified.
func (v *Verifier) Length() uint64 { return v.last.Index }

// Tip is the hash of the last block that verified.
func (v *Verifier) Tip() Hash { return v.lastHash }

// Next checks that canonical is the next block and returns it decoded. An
// error wraps ErrInvalid and leaves v as it was.
func (v *Verifier) Next(canonical []byte) (*Block, error) {
	if len(canonical) > MaxBlockBytes {
		return nil, invalid("%d bytes, at most %d", len(canonical), MaxBlockBytes)
	}
	b, err := DecodeBlock(canonical, v.Contract.Decimals)
	if err != nil {
		return nil, err
	}
	if err := v.check(b, len(canonical)); err != nil {
		return nil, fmt.Errorf("block %d: %w", b.Index, err)
	}
	if b.Contract != nil {
		v.Contract = *b.Contract
	}
	v.last, v.lastHash = b.Header, HashBytes(canonical)
	if b.Index == 1 {
		v.chainID = v.lastHash
	}
	return b, nil
}

func (v *Verifier) check(b *Block, size int) error {
	if !b.HasRoot || b.Totals == nil {
		return invalid("transactions_root or totals are missing")
	}
	if b.Index != v.last.Index+1 {
		return invalid("index is %d, expected %d", b.Index, v.last.Index+1)
	}
	if b.Index == 1 {
		if err := checkGenesis(b); err != nil {
			return err
		}
	} else if err := v.checkLink(b, size); err != nil {
		return err
	}
	return v.checkRecords(b)
}

func checkGenesis(b *Block) error {
	if b.Contract == nil {
		return invalid("the genesis block has no contract")
	}
	want := Totals{Issued: b.Contract.Supply}
	if b.PreviousHash != GenesisPrevious || b.Trigger != ByGenesis || len(b.Records) > 0 || *b.Totals != want {
		return invalid("the genesis block must start a chain and move nothing")
	}
	return nil
}

func (v *Verifier) checkLink(b *Block, size int) error {
	switch {
	case b.Contract != nil:
		return invalid("a contract stands in the genesis block only")
	case b.PreviousHash != v.lastHash.String():
		return invalid("previous_hash is %s, the block before has %s", b.PreviousHash, v.lastHash)
	case b.Timestamp < v.last.Timestamp:
		return invalid("timestamp goes back")
	}
	return v.checkTrigger(b, size)
}

// checkTrigger holds a block's stated reason against the contract.
func (v *Verifier) checkTrigger(b *Block, size int) error {
	sched, records := v.Contract.Schedule, len(b.Records)
	ok := false
	switch b.Trigger {
	case ByTime:
		ok = sched.Every > 0 && b.Timestamp-v.last.Timestamp >= sched.Every.Microseconds() &&
			(sched.Empty || records > 0)
	case ByCount:
		ok = sched.Transactions > 0 && records == sched.Transactions
	case BySize:
		ok = records == MaxBlockRecords || size > MaxBlockBytes-BlockOverhead-MaxRecordBytes
	case ByRequest:
		ok = v.Contract.OnRequest
	}
	if !ok {
		return invalid("the contract allows no block by %q here", b.Trigger)
	}
	if sched.Transactions > 0 && (records > sched.Transactions || records == sched.Transactions && b.Trigger != ByCount) {
		return invalid("%d records, the contract produces a block by count at %d", records, sched.Transactions)
	}
	return nil
}

func (v *Verifier) checkRecords(b *Block) error {
	contract := &v.Contract
	if b.Contract != nil {
		contract = b.Contract
	}
	var root RootBuilder
	var text []byte
	for i := range b.Records {
		r := &b.Records[i]
		if err := checkRecord(contract, r); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		text = AppendRecord(text[:0], r, contract.Decimals)
		root.Add(text)
	}
	if root.Root() != b.Root {
		return invalid("transactions_root does not match the records")
	}
	if contract.Wallets == SignedWallets {
		return v.checkSignatures(b)
	}
	return nil
}

// checkRecord checks one record against the contract alone: its form and its
// fee arithmetic.
func checkRecord(c *Contract, r *Record) error {
	switch {
	case r.ID.IsZero():
		return invalid("the record has no id")
	case r.HasMemo && r.Memo == "":
		return invalid("an empty memo is written as none")
	case c.Wallets == OpenWallets && r.Kind != Transfer:
		return invalid("kind %q is not of an open contract", r.Kind)
	}
	if r.Kind == Transfer || r.Kind == Delivery {
		fee := Fee(r.AmountSend, c.FeePPM)
		if r.BPSC != c.BPSC || r.AmountBPSC != fee || r.AmountReceive != r.AmountSend-fee || r.AmountReceive < 1 {
			return invalid("fee or rest is not what the contract says")
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

// checkExpiry checks a refund that the machine made by itself.
func checkExpiry(r *Record) error {
	if r.Kind != Refund || r.Auth != nil || r.Reason != HoldExpired || r.ID != ExpiryID(r.Hold) {
		return invalid("nobody asked for this record")
	}
	return nil
}

// checkSignatures checks that every record was asked for by who it says.
func (v *Verifier) checkSignatures(b *Block) error {
	batch := make([]Signed, 0, len(b.Records))
	places := make([]int, 0, len(b.Records))
	for i := range b.Records {
		r := &b.Records[i]
		if r.Time < v.last.Timestamp || r.Time > b.Timestamp || i > 0 && r.Time < b.Records[i-1].Time {
			return invalid("record %d: its time is not between those of the blocks", i)
		}
		t, asked := r.Transaction()
		if !asked {
			continue
		}
		message := t.AppendSigned(nil, v.chainID, v.Contract.Decimals)
		if SignedID(message) != r.ID {
			return invalid("record %d: its id is not that of what was signed", i)
		}
		batch = append(batch, Signed{t.Auth.PublicKey, t.Auth.Signature, message})
		places = append(places, i)
	}
	for i, good := range VerifyBatch(batch) {
		if !good {
			return invalid("record %d: the signature is not good", places[i])
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
