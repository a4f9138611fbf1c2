package blocks

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// A block is cut into pieces of pieceRecords records, each a row of its own, so
// that a record is read without the rest of its block. One behind the other the
// texts of the pieces are the block. A row is
//
//	sum, 16 bytes    over the key and what follows, see pieceSum
//	hash             of the block, and the length of its text: in the first piece
//	count            of the records that begin here
//	lead             what stands before the first of them
//	length           of each; RecordSeparator stands between two
//	text
//
// where numbers are uvarints.

const sumBytes = 16

// pieceSum finds what has become other by accident; whoever changes a row can change its
// sum as well, and is found by the hash of the block. It is 8 zeros and XXH64 where rows are
// by epochs, and the first bytes of SHA-256 where releases before
// release.Access have to read it, a tenth as fast.
type pieceSum [sumBytes]byte

func sumOf(quick bool, parts ...[]byte) (sum pieceSum) {
	if quick {
		var x xxhash.Digest
		x.Reset()
		for _, p := range parts {
			_, _ = x.Write(p) // never fails
		}
		binary.BigEndian.PutUint64(sum[8:], x.Sum64())
		return sum
	}
	h := sha256.New()
	for _, p := range parts {
		h.Write(p) // never fails
	}
	copy(sum[:], h.Sum(nil))
	return sum
}

// quick tells which of the two a sum is: one of SHA-256 begins so in no time that anybody has.
func (s *pieceSum) quick() bool { return [8]byte(s[:8]) == [8]byte{} }

// piece is a row of a block, read back.
type piece struct {
	sum     pieceSum
	summed  []byte
	hash    chain.Hash // in the first piece
	size    int        // of the whole block; in the first piece
	lengths []byte     // what has not been read of them
	count   int
	lead    int
	text    []byte
}

// AppendRows appends the rows of the block at k, with quick sums or without.
func (b *Block) AppendRows(rows []engine.Row, k keys.Block, quick bool) []engine.Row {
	for at, number := 0, 0; at < len(b.Canonical); number++ {
		first := number * pieceRecords
		records := b.Records[min(first, len(b.Records)):min(first+pieceRecords, len(b.Records))]
		end := len(b.Canonical)
		if next := first + pieceRecords; next < len(b.Records) {
			end = b.Records[next].From
		}
		head := make([]byte, sumBytes, sumBytes+len(b.Hash)+(3+len(records))*3)
		if number == 0 {
			head = binary.AppendUvarint(append(head, b.Hash[:]...), uint64(len(b.Canonical)))
		}
		head = binary.AppendUvarint(head, uint64(len(records)))
		lead := 0
		if len(records) > 0 {
			lead = records[0].From - at
		}
		head = binary.AppendUvarint(head, uint64(lead))
		for _, r := range records {
			head = binary.AppendUvarint(head, uint64(r.To-r.From))
		}
		r := engine.Row{Key: k.Piece(number), Value: head, More: b.Canonical[at:end]}
		sum := sumOf(quick, r.Key, head[sumBytes:], r.More)
		copy(head, sum[:])
		rows = append(rows, r)
		at = end
	}
	return rows
}

// parsePiece reads a row as far as to find its text. It checks no sum.
func parsePiece(number int, value []byte) (p piece, err error) {
	r := engine.ValueReader{Rest: value}
	r.Take(p.sum[:])
	p.summed = r.Rest
	if number == 0 {
		r.Take(p.hash[:])
		p.size = length(&r)
	}
	p.count, p.lead = length(&r), length(&r)
	p.lengths = r.Rest
	for range min(p.count, pieceRecords) {
		length(&r)
	}
	p.text = r.Rest
	if r.Bad || p.count > pieceRecords {
		return p, fmt.Errorf("%w: a piece of a block", engine.ErrCorrupt)
	}
	return p, nil
}

// length reads a number of bytes of a block, or of records in it.
func length(r *engine.ValueReader) int { return int(r.Uvarint(chain.MaxBlockBytes)) }

// check compares the sum of the piece, which was read from the row of key.
func (p *piece) check(key []byte) error {
	if sumOf(p.sum.quick(), key, p.summed) != p.sum {
		return fmt.Errorf("%w: a piece of a block does not have its sum any more", engine.ErrCorrupt)
	}
	return nil
}

// record returns the text of the record at a place in the piece, which has been
// checked.
func (p *piece) record(i int) ([]byte, error) {
	if i >= p.count {
		return nil, NoRecord(i)
	}
	at, lengths := p.lead, engine.ValueReader{Rest: p.lengths}
	for range i {
		at += length(&lengths) + len(chain.RecordSeparator)
	}
	if end := at + length(&lengths); end <= len(p.text) {
		return p.text[at:end], nil
	}
	return nil, fmt.Errorf("%w: a record leaves its piece", engine.ErrCorrupt)
}
