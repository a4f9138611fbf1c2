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
	var l Leaf
	err := l.read(canonical, func(s *pyjson.Scanner, key string) (err error) {
		var n uint64
		switch key {
		case "hash":
			l.Hash, err = chain.ScanHash(s)
		case "transactions":
			n, err = scanCount(s)
			l.Transactions = int(n)
		}
		return err
	})
	if err != nil {
		return Leaf{}, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	if !bytes.Equal(AppendLeaf(make([]byte, 0, len(canonical)), &l), canonical) {
		return Leaf{}, fmt.Errorf("%w: the bytes are not canonical", ErrLeaf)
	}
	return l, nil
}

// LeafOfBlock is the leaf of a block whose canonical bytes have the hash. It
// counts the records and reads none, so it is for blocks that somebody has
// verified.
func LeafOfBlock(canonical []byte, hash chain.Hash) (Leaf, error) {
	l := Leaf{Hash: hash}
	err := l.read(canonical, func(s *pyjson.Scanner, key string) error {
		if key != "transactions" {
			return nil
		}
		return s.Array(func(int) error {
			l.Transactions++
			return nil
		})
	})
	if err != nil {
		return Leaf{}, fmt.Errorf("%w: of block %s: %w", ErrLeaf, hash, err)
	}
	return l, nil
}

// read reads what a leaf and its block have alike; other has the rest.
func (l *Leaf) read(text []byte, other func(s *pyjson.Scanner, key string) error) error {
	s := pyjson.NewScanner(text)
	err := s.Object(func(key string) (err error) {
		switch key {
		case "index":
			l.Index, err = scanCount(s)
		case "previous_hash":
			l.PreviousHash, err = s.String()
		case "timestamp":
			l.Timestamp, err = chain.ScanTimestamp(s)
		case "transactions_root":
			l.Root, err = chain.ScanHash(s)
		default:
			err = other(s, key)
		}
		return err
	})
	if err == nil {
		err = s.End()
	}
	if err == nil {
		err = l.validate()
	}
	return err
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

// scanCount reads a count that fits a log.
func scanCount(s *pyjson.Scanner) (uint64, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	return parseCount(text)
}

// parseCount reads a count that fits a log.
func parseCount(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > MaxSize {
		return 0, fmt.Errorf("%w: %.20s", ErrSize, text)
	}
	return n, nil
}
