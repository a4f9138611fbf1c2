package proof

import (
	"bytes"
	"fmt"
)

// The bounds of everything that is read here, each with its reason.
const (
	// MaxSize is how many blocks a log may have: at a block every 10 ms (the
	// fastest schedule there is) for more than three hundred years. It keeps a
	// path short, and the arithmetic of tlog far from where it overflows: above
	// 2^62 leaves it would not end.
	MaxSize uint64 = 1 << 40

	// maxPath is the longest path in a log: one hash a level, and one more in
	// proofs of consistency.
	maxPath = 41

	// maxRecordPath is the longest path in a block: 10,000 records are under 2^14.
	maxRecordPath = 14

	// MaxLeafBytes bounds a leaf: three hashes of 64 digits, two counts, a time
	// and the names of the six.
	MaxLeafBytes = 512

	// maxKeyNameBytes bounds the name of a key: a member's id has up to 64 bytes,
	// a cluster's name as many.
	maxKeyNameBytes = 160

	// MaxCosigners bounds the members of a policy, and its witnesses, each: what
	// tlog-policy wants supported.
	MaxCosigners = 32

	// MaxNoteBytes bounds a signed checkpoint: every cosigner of the largest
	// policy with the longest name.
	MaxNoteBytes = 24 << 10

	// maxSignatures bounds the lines of one note, those of strangers included.
	maxSignatures = 100

	// MaxPolicyChains is how many chains a policy may name: as many as a cluster
	// has contracts.
	MaxPolicyChains = 1000

	// MaxPolicyBytes bounds a policy file: that many chains, the cosigners with
	// their addresses, and room for comments.
	MaxPolicyBytes = 256 << 10

	// MaxHandoverBytes bounds a signed handover: where that many chains ended,
	// the members, and the note's signatures.
	MaxHandoverBytes = 256 << 10

	// MaxHandovers bounds a history: a change of members a week for twenty
	// years. Who comes that far begins with a newer policy.
	MaxHandovers = 1024

	// MaxHistoryBytes bounds the text of a history: that many handovers of a
	// cluster of some tens of chains.
	MaxHistoryBytes = 8 << 20

	// MaxRecoveryText bounds who recovered a cluster, and why, in bytes each.
	MaxRecoveryText = 1024

	// maxIdentities bounds the members before and after a recovery, those
	// without a vote among them.
	maxIdentities = 2 * MaxCosigners

	// maxIdentityBytes bounds one of them: an id of up to 64 bytes, and which
	// data folder of that id was meant.
	maxIdentityBytes = 128

	// MaxReceiptBytes bounds a receipt. Under 4 KiB and the record is usual; the
	// rest is for notes with many signatures. One line of a tlog-proof may not
	// be longer than this either.
	MaxReceiptBytes = 64 << 10

	// MaxEvidenceBytes bounds evidence: two notes, whose characters beyond ASCII
	// take up to three times their bytes in JSON, and a path.
	MaxEvidenceBytes = 160 << 10

	// MaxTileBytes is a full tile: 256 hashes.
	MaxTileBytes = tileWidth * 32

	// MaxBundleBytes bounds an entry bundle: 256 leaves, each with its length.
	MaxBundleBytes = tileWidth * (2 + MaxLeafBytes)

	// maxTilePathBytes bounds the path of a tile: tile/entries/ and a number of
	// any size that fits the log.
	maxTilePathBytes = 64
)

// bounded checks the length of an input.
func bounded(data []byte, limit int) error {
	switch {
	case len(data) == 0:
		return ErrEmpty
	case len(data) > limit:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), limit)
	}
	return nil
}

// asWritten says what a tool that changes texts has made of one, which would be
// hard to see otherwise.
func asWritten(data []byte) error {
	var changed string
	switch {
	case bytes.HasPrefix(data, []byte("\ufeff")):
		changed = "it begins with a byte order mark"
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		changed = "it is UTF-16, not UTF-8"
	case bytes.Contains(data, []byte("\r\n")):
		changed = "its lines end with CR LF, not LF"
	default:
		return nil
	}
	return fmt.Errorf("a tool that changes texts has been at the file: %s; get it again, or undo that", changed)
}
