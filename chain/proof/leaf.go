// Package proof is the evidence that a chain gives of itself: the Merkle log
// over its blocks, checkpoints that the members cosign, receipts that anybody
// verifies offline, and what convicts a member that signed two histories.
// DESIGN.md says which forms files have. Time is an input, and nothing is
// fetched but through the caller's own function.
package proof

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Leaf is what the log holds of a block: leaf i, counted from 0, is that of
// block i+1.
type Leaf struct {
	Index        uint64     // of the block, from 1
	Hash         chain.Hash // of the block's canonical bytes
	Root         chain.Hash // the block's transactions_root
	PreviousHash string     // as it stands in the block
	Timestamp    chain.Micros
	Transactions int // records in the block
}

// LeafOf is the leaf of a block with the given header, hash and count of
// records.
func LeafOf(h *chain.Header, hash chain.Hash, count int) Leaf {
	return Leaf{Index: h.Index, Hash: hash, Root: h.Root, PreviousHash: h.PreviousHash,
		Timestamp: h.Timestamp, Transactions: count}
}

// AppendLeaf appends the canonical text of l: the entry of the log.
func AppendLeaf(dst []byte, l *Leaf) []byte {
	dst = l.Hash.AppendHex(append(dst, `{"hash": "`...))
	dst = strconv.AppendUint(append(dst, `", "index": `...), l.Index, 10)
	dst = pyjson.AppendString(append(dst, `, "previous_hash": `...), l.PreviousHash)
	dst = chain.AppendTimestamp(append(dst, `, "timestamp": `...), l.Timestamp)
	dst = strconv.AppendInt(append(dst, `, "transactions": `...), int64(l.Transactions), 10)
	dst = l.Root.AppendHex(append(dst, `, "transactions_root": "`...))
	return append(dst, `"}`...)
}

// EntryHash is the hash of l as a leaf of the log (RFC 6962 §2.1).
func (l *Leaf) EntryHash() chain.Hash {
	return chain.Hash(tlog.RecordHash(AppendLeaf(make([]byte, 0, MaxLeafBytes), l)))
}

// DecodeLeaf reads a leaf and accepts nothing but its canonical bytes.
func DecodeLeaf(canonical []byte) (Leaf, error) {
	if err := bounded(canonical, MaxLeafBytes); err != nil {
		return Leaf{}, err
	}
	s := pyjson.NewScanner(canonical)
	l, err := scanLeaf(s)
	if err == nil {
		err = s.End()
	}
	if err == nil {
		err = l.validate()
	}
	if err != nil {
		return Leaf{}, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	if !bytes.Equal(AppendLeaf(make([]byte, 0, len(canonical)), &l), canonical) {
		return Leaf{}, fmt.Errorf("%w: the bytes are not canonical", ErrLeaf)
	}
	return l, nil
}

func scanLeaf(s *pyjson.Scanner) (l Leaf, err error) {
	err = s.Object(func(key string) (err error) {
		switch key {
		case "hash":
			l.Hash, err = scanHash(s)
		case "index":
			l.Index, err = scanCount(s)
		case "previous_hash":
			l.PreviousHash, err = s.String()
		case "timestamp":
			l.Timestamp, err = scanTimestamp(s)
		case "transactions":
			var n uint64
			n, err = scanCount(s)
			l.Transactions = int(n)
		case "transactions_root":
			l.Root, err = scanHash(s)
		default:
			err = fmt.Errorf("%q is not known", key)
		}
		return err
	})
	return l, err
}

// validate checks what no block can say of itself.
func (l *Leaf) validate() error {
	switch {
	case l.Index < 1 || l.Index > MaxSize:
		return fmt.Errorf("%w: block %d", ErrSize, l.Index)
	case l.Timestamp < 0 || l.Timestamp > chain.MaxTimestamp:
		return fmt.Errorf("%d is not a time in range", l.Timestamp)
	case l.Transactions < 0 || l.Transactions > chain.MaxBlockRecords:
		return fmt.Errorf("%d records, at most %d", l.Transactions, chain.MaxBlockRecords)
	case (l.Index == 1) != (l.PreviousHash == chain.GenesisPrevious):
		return fmt.Errorf("previous_hash of block %d is %q", l.Index, l.PreviousHash)
	case l.Index > 1:
		_, err := chain.ParseHash(l.PreviousHash)
		return err
	}
	return nil
}

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

func scanHash(s *pyjson.Scanner) (chain.Hash, error) {
	text, err := s.String()
	if err != nil {
		return chain.Hash{}, err
	}
	return chain.ParseHash(text)
}

// scanCount reads a count that fits a log.
func scanCount(s *pyjson.Scanner) (uint64, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > MaxSize {
		return 0, fmt.Errorf("%w: %.20s", ErrSize, text)
	}
	return n, nil
}

// scanTimestamp reads seconds as microseconds. Digits are joined, because a
// product with a double would round; other spellings do not encode back.
func scanTimestamp(s *pyjson.Scanner) (chain.Micros, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole) <= 10 && len(fraction) <= 6 {
		micros, err := strconv.ParseInt(whole+fraction+"000000"[len(fraction):], 10, 64)
		if err == nil {
			return chain.Micros(micros), nil
		}
	}
	return 0, fmt.Errorf("%.20s is not seconds with at most six places", text)
}
