package chain

import "time"

// The bounds of everything that goes into a chain, in one place, each with
// its reason. A block outside them does not verify, so they can only be
// changed together with the rules (docs/adr).
const (
	// MaxUnits bounds amounts, balances and totals: 15 digits, because every
	// JSON parser that reads numbers as doubles reads such a number exactly.
	MaxUnits Amount = 999_999_999_999_999

	// MaxIdleZeros is how many zeros an amount may have on input behind the places
	// that its token has: more than any program writes, and soon counted.
	MaxIdleZeros = 1000

	// MaxDecimals is how many places a token may have.
	MaxDecimals = 9

	// MaxPPM is a fee of everything.
	MaxPPM = 1_000_000

	// MaxTokenBytes bounds a token's name; it stands in URLs and file names.
	MaxTokenBytes = 32

	// MaxNameBytes bounds a wallet's name in an open contract: room for any
	// key format in use, small enough that an account row stays small.
	MaxNameBytes = 128

	// MaxMemoBytes bounds a memo: an invoice number, not a document.
	MaxMemoBytes = 256

	// MaxReasonBytes and MaxMembersBytes bound what a recovery says: why, and the members
	// before and after it, 32 of which take 1,200 bytes and more where ids are long.
	MaxReasonBytes  = 512
	MaxMembersBytes = 1792

	// MaxKeyBytes bounds an Idempotency-Key, which is hashed and not stored.
	MaxKeyBytes = 256

	// MaxBlockRecords and MaxBlockBytes bound a block, so that a reader can
	// hold one in memory and a proof inside it stays short.
	MaxBlockRecords = 10_000
	MaxBlockBytes   = 4 << 20

	// MaxRecordBytes bounds the canonical text of one record. Three names and
	// a memo, each byte of which may be written as six (\u0000), and the fixed
	// fields: 6×(3×128+256) = 3,840, and under 1,024 for the rest. Of a recovery, whose
	// texts have no control characters, 3×(128+512) + 2×1,792 = 5,504, and under 512.
	MaxRecordBytes = 6 << 10

	// BlockOverhead bounds the text of a block around its records.
	BlockOverhead = 2 << 10

	// MaxExpires is how far ahead of the chain's time a transaction may expire,
	// so that what is signed today does not come up next year.
	MaxExpires = 24 * time.Hour

	// MaxHold is how far ahead of the chain's time a hold may end: tokens in
	// escrow are of use to nobody.
	MaxHold = 90 * 24 * time.Hour

	// MaxLoosening bounds the delay before a loosened limit takes effect.
	MaxLoosening = 30 * 24 * time.Hour

	// MinEvery and MaxEvery bound a schedule by time. The lower one keeps a
	// contract from filling the log with ticks: a block is for people to read.
	MinEvery = 100 * time.Millisecond
	MaxEvery = 366 * 24 * time.Hour
)
