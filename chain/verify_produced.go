package chain

// When and why a block was produced, against the contract and the times of its
// records. At each moment the clock comes first: whatever was due before a
// request stands before it.

// checkProduced holds a block's stated reason and its time against the
// contract.
func (v *Verifier) checkProduced(c Checked) error {
	b := c.Block
	sched, records := v.Contract.Schedule, len(b.Records)
	ok := false
	switch b.Trigger {
	case ByTime:
		due, timed := v.due(b)
		ok = timed && b.Timestamp >= due && (sched.Empty || records > 0)
	case ByCount:
		ok = sched.Transactions > 0 && records == sched.Transactions
	case BySize:
		ok = records == MaxBlockRecords || !HasRoom(c.textBytes)
	case ByRequest:
		ok = v.Contract.OnRequest
	}
	if !ok {
		return invalid("the contract allows no block by %q here", b.Trigger)
	}
	if sched.Transactions > 0 && (records > sched.Transactions || records == sched.Transactions && b.Trigger != ByCount) {
		return invalid("%d records, the contract produces a block by count at %d", records, sched.Transactions)
	}
	if records == MaxBlockRecords && b.Trigger != BySize && b.Trigger != ByCount {
		return invalid("%d records, a block is produced by size at %d", records, MaxBlockRecords)
	}
	return v.checkMoment(b)
}

// checkMoment checks that a block was produced when it had to be.
func (v *Verifier) checkMoment(b *Block) error {
	records := len(b.Records)
	if v.Contract.Wallets == SignedWallets {
		full := b.Trigger == ByCount || b.Trigger == BySize && records == MaxBlockRecords
		if full && b.Records[records-1].Time != b.Timestamp {
			return invalid("it was full at the time of its last record, and produced at another")
		}
		if err := v.checkRecordTimes(b); err != nil {
			return err
		}
		if b.Trigger != ByRequest {
			return nil // refunds of expired holds may have filled it at the time at which it was due
		}
	}
	if due, timed := v.due(b); timed && b.Trigger != ByTime && b.Timestamp >= due && v.dueIsExact() {
		return missed("this block by " + string(b.Trigger))
	}
	return nil
}

// checkRecordTimes checks that the times of a signed contract's records follow
// the block before, and that none was asked for when a block was due.
func (v *Verifier) checkRecordTimes(b *Block) error {
	if len(b.Records) > 0 && b.Records[0].Time < v.last.Timestamp {
		return timeOutside(0)
	}
	due, timed := v.due(b)
	for i := len(b.Records) - 1; timed && i >= 0 && b.Records[i].Time >= due; i-- {
		// Expired holds go back first, and the block is produced at that time.
		if r := &b.Records[i]; r.Auth != nil || r.Kind == Recovery || r.Time != b.Timestamp {
			return missed("record %d", i)
		}
	}
	return nil
}

// due is the time at which a block was due by time, if it was. Records of open
// contracts do not say when they came; then it is the first that it may have
// been, and dueIsExact is false.
func (v *Verifier) due(b *Block) (at Micros, ok bool) {
	since, waiting := v.last.Timestamp, len(b.Records) > 0
	if waiting && v.Contract.Wallets == SignedWallets {
		since = b.Records[0].Time
	}
	return v.Contract.Schedule.Due(v.last.Timestamp, since, waiting)
}

func (v *Verifier) dueIsExact() bool {
	return v.Contract.Schedule.Empty || v.Contract.Wallets == SignedWallets
}

func missed(format string, args ...any) error {
	return invalid("a block by time was due before "+format, args...)
}
