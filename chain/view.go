package chain

// Outcome is what became of a submitted transaction.
type Outcome struct {
	Record       Record // what was decided; for a refusal only its ID is set
	Block        uint64 // the block that holds the record, or will
	Position     int    // its place in that block
	Refused      Code   // why nothing was moved; "" when it was
	Replay       bool   // the id had been decided before: this is that answer
	Completed    bool   // the record was the last its block could take
	AppliedIndex uint64 // log index at which the answer was given
	Err          error  // not ordered, or the outcome is not known; all else is unset
}

// Produced is what became of a request for a block.
type Produced struct {
	Block        uint64
	AppliedIndex uint64
}

// Info tells where one chain stands.
type Info struct {
	Contract     Contract
	ID           Hash   // the hash of its genesis block
	Length       uint64 // blocks; the index of the newest
	Tip          Hash   // hash of the newest block
	TipTimestamp int64  // unix microseconds
	Records      uint64 // records in all, pending ones included
	Pending      int    // final records that no block holds yet
	Totals       Totals // pending records included
}

// Account is the state of one wallet.
type Account struct {
	Balance Amount
	Records uint64 // records that changed it
}
