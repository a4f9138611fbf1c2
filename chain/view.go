package chain

import (
	"errors"
	"strings"
	"time"
)

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
	TipTimestamp Micros
	Records      uint64 // records in all, pending ones included
	Pending      int    // final records that no block holds yet
	Totals       Totals // pending records included
	OpenHolds    int    // holds that nobody has decided yet
	Due          Micros // when the next block is due by the schedule; 0: none is due by time
}

// Account is the state of one wallet.
type Account struct {
	Balance Amount
	Records uint64  // records that changed it
	Wallet  *Wallet // nil: nothing has been set; never changed in place
}

// Wallet is what has been set for a wallet of a signed contract.
type Wallet struct {
	Key         PublicKey // whose signature counts; zero: that of the address
	Frozen      bool      // by the issuer
	Receive     Receive   // "": auto
	PerTransfer Limit
	PerDay      Limit
	Day         int64  // the UTC day, counted from 1970, of Spent
	Spent       Amount // sent on that day, while there was a limit for it
}

// Limit is the most a wallet may send, with a loosening that is on its way.
type Limit struct {
	Amount Amount // 0: no limit
	Next   Amount // takes its place at NextAt
	NextAt Micros // machine time; 0: nothing is on its way
}

// At is the limit in force at a time.
func (l Limit) At(now Micros) Amount {
	if l.NextAt != 0 && now >= l.NextAt {
		return l.Next
	}
	return l.Amount
}

// Change is l after its owner asked for another limit. A tighter one is in
// force at once; a looser one after the contract's delay, so that whoever
// steals a key cannot empty the wallet before its owner notices.
func (l Limit) Change(to Amount, now Micros, delay time.Duration) Limit {
	limit := l.At(now)
	if looser := limit != 0 && (to == 0 || to > limit); looser && delay > 0 {
		return Limit{Amount: limit, Next: to, NextAt: now.Add(delay)}
	}
	return Limit{Amount: to}
}

// HoldState is a hold as the ledger knows it.
type HoldState struct {
	Sender    string
	Recipient string
	Amount    Amount
	Until     Seconds // at that moment it is too late
	Ended     Code    // how it was resolved; "" while it is open
}

// OpenHold is one that nobody has decided yet.
type OpenHold struct {
	ID ID
	HoldState
}

// HoldRole is what an account is to a hold.
type HoldRole string

// The roles.
const (
	HoldRecipient HoldRole = "recipient" // whose word it waits for
	HoldSender    HoldRole = "sender"
)

// HoldQuery asks for the open holds of an account, in the order of (Until, ID).
type HoldQuery struct {
	Account string
	Role    HoldRole
	After   ID  // a hold, open or ended: what follows its place; zero: from the first on
	Limit   int // at least 1
}

// HoldPage is one answer to such a query.
type HoldPage struct {
	Holds []OpenHold
	More  bool // others follow the last of them
}

// ErrBeyond: a cursor names a place that the chain has not come to, here.
var ErrBeyond = errors.New("the cursor is of something that is not here")

// ErrUnfinished: the answer takes more work than one request does. What was found
// out is kept, and asking again goes on from there.
var ErrUnfinished = errors.New("not all of it has been read yet")

// Moment is the end of a block, as of which a chain can be read. What is pending
// then is not part of it: no block has it.
type Moment struct {
	Block     uint64
	Hash      Hash
	Timestamp Micros
}

// PastHoldQuery asks for the holds of an account that were open at the end of a
// block, the one that was opened last first.
type PastHoldQuery struct {
	Account string
	Role    HoldRole
	Block   uint64
	After   string // cursor of the page before; "": from the first on
	Limit   int    // at least 1
}

// PastHoldPage is one answer to such a query. It may hold fewer than asked for,
// none even, and still have more behind it: one call does bounded work.
type PastHoldPage struct {
	Holds []OpenHold
	Next  string // goes into After; "" when the end was reached
}

// Direction says on which side of a record an account stands.
type Direction string

// The directions. What the BPSC's wallet pays or burns is out of that wallet.
const (
	AnyDirection Direction = ""
	In           Direction = "in"  // the account is the recipient
	Out          Direction = "out" // the account is the sender
)

// HistoryQuery says which records of an account are wanted, and from where.
type HistoryQuery struct {
	Kinds       []Kind // of records; none: all
	Direction   Direction
	OldestFirst bool
	Limit       int    // 0: what the store gives by default
	After       string // cursor: what follows it in the order asked for
	Before      string // cursor: the last of what comes before it in that order
}

// HistoryRecord is a record and where it stands.
type HistoryRecord struct {
	Record   Record
	Block    uint64 // the block that holds the record, or will
	Position int    // its place in that block
	Pending  bool   // no block held it yet
	Cursor   string // names the place for After and Before
}

// HistoryPage is one answer to a query. It may hold fewer records than asked
// for, none even, and still have more behind it: one call does bounded work.
type HistoryPage struct {
	Records []HistoryRecord
	Next    string // goes into After; "" when the end was reached
	Prev    string // goes into Before; "" when nothing comes before
}

// Attestation is a member's, or a witness's, word on a chain: it has verified every block up
// to Size by itself, and their log of headers has this root.
type Attestation struct {
	Member      string // its id in the cluster; of a witness, WitnessID
	Size        uint64 // blocks
	Root        Hash   // RFC 6962 root of the log of headers at that size
	Cosignature string // the signature's line in a signed note
	// Digest is what all changes of the member's own state up to that block
	// come to. It is not signed: it finds faults, not lies.
	Digest Hash
}

// witnessPrefix is not in a member's id.
const witnessPrefix = "witness/"

// WitnessID is the name under which the word of a witness is replicated.
func WitnessID(name string) string { return witnessPrefix + name }

// IsWitness tells whether a name is a witness's.
func IsWitness(id string) bool { return strings.HasPrefix(id, witnessPrefix) }

// ByWitness tells whether a is the word of a witness.
func (a Attestation) ByWitness() bool { return IsWitness(a.Member) }
