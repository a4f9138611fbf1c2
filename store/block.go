package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// Block is a produced block. Its maker has computed its hash and knows where
// its records stand; nothing in it changes any more.
type Block struct {
	Canonical []byte
	Hash      chain.Hash
	Records   []chain.Span // in Canonical
}

// record returns the text of the record at a position.
func (b *Block) record(position int) ([]byte, error) {
	if position >= len(b.Records) {
		return nil, noRecord(position)
	}
	place := b.Records[position]
	return b.Canonical[place.From:place.To], nil
}

func checkHash(hash chain.Hash, canonical []byte) error {
	if chain.HashBytes(canonical) != hash {
		return fmt.Errorf("%w: block %s does not have that hash any more", engine.ErrCorrupt, hash)
	}
	return nil
}

func noRecord(position int) error {
	return fmt.Errorf("%w: no record %d in this block", chain.NotFound, position)
}

// bytes is about what the block takes in memory.
func (b *Block) bytes() int { return len(b.Canonical) + 16*len(b.Records) }

// assembler puts blocks together from their pieces, which come in the order of
// their keys, and compares each block with its hash.
type assembler struct {
	sums bool // compare those of the pieces, too

	key    keys.Block
	hash   chain.Hash
	size   int // of the block; 0 before the first
	pieces int // so far
	text   []byte
}

// add takes the next piece. When whole, hash and text are those of the block at
// key; text is new memory for each.
func (a *assembler) add(key, value []byte) (whole bool, err error) {
	k, number, err := pieceKey(key)
	if err != nil {
		return false, err
	}
	p, err := parsePiece(number, value)
	if err == nil && a.sums {
		err = p.check(key)
	}
	if err != nil {
		return false, err
	}
	if number == 0 && !a.open() {
		a.key, a.hash, a.size, a.pieces = k, p.hash, p.size, 0
		a.text = make([]byte, 0, p.size)
	}
	if k != a.key || number != a.pieces || len(p.text) == 0 || len(a.text)+len(p.text) > a.size {
		return false, a.broken()
	}
	a.text = append(a.text, p.text...)
	a.pieces++
	if a.open() {
		return false, nil
	}
	return true, checkHash(a.hash, a.text)
}

// open tells whether pieces of a block have not come yet.
func (a *assembler) open() bool { return len(a.text) < a.size }

func (a *assembler) broken() error {
	return fmt.Errorf("%w: block %d is not whole", engine.ErrCorrupt, a.key.Index)
}

// readBlocks reads the blocks of a contract from an index on and before end,
// all of which are there: at least one, and no more than is good to hold at
// once.
func readBlocks(r pebble.Reader, contract uint32, from, end uint64) (run []*Block, err error) {
	return readBlocksChecked(r, contract, from, end, false)
}

// readBlocksChecked is readBlocks that compares the sums of pieces as well. With an error
// come the blocks before the one that cannot be read.
func readBlocksChecked(r pebble.Reader, contract uint32, from, end uint64, sums bool) (run []*Block, err error) {
	a := assembler{sums: sums}
	size := 0
	err = engine.ScanRange(r, keys.Block{Contract: contract, Index: from}.In(keys.BlockTable), keys.Block{Contract: contract, Index: end}.In(keys.BlockTable), func(key, value []byte) error {
		whole, err := a.add(key, value)
		if err != nil || !whole {
			return err
		}
		if a.key.Index != from+uint64(len(run)) {
			return missing(from + uint64(len(run)))
		}
		run = append(run, &Block{Canonical: a.text, Hash: a.hash})
		if size += len(a.text); len(run) == readRun || size >= readRunBytes {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return run, nil
	case err == nil && a.open():
		return run, a.broken()
	case err == nil && len(run) == 0:
		return nil, missing(from)
	}
	return run, err
}

func missing(index uint64) error {
	return fmt.Errorf("%w: block %d is missing", engine.ErrCorrupt, index)
}

func readBlock(r pebble.Reader, k keys.Block) (*Block, error) {
	run, err := readBlocks(r, k.Contract, k.Index, k.Index+1)
	if err != nil {
		return nil, err
	}
	return run[0], nil
}

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
// by epochs (see byEpoch), and the first bytes of SHA-256 where releases before
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

// pieceKey reads the key of a piece.
func pieceKey(key []byte) (k keys.Block, number int, err error) {
	k, number, ok := keys.ParsePiece(key)
	if !ok {
		return k, 0, fmt.Errorf("%w: key of a block", engine.ErrCorrupt)
	}
	return k, number, nil
}

// appendPieces appends the rows of a block, with quick sums or without.
func (b *Block) appendPieces(rows []engine.Row, k keys.Block, quick bool) []engine.Row {
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
	r := rowReader{rest: value}
	r.take(p.sum[:])
	p.summed = r.rest
	if number == 0 {
		r.take(p.hash[:])
		p.size = r.length()
	}
	p.count, p.lead = r.length(), r.length()
	p.lengths = r.rest
	for range min(p.count, pieceRecords) {
		r.length()
	}
	p.text = r.rest
	if r.bad || p.count > pieceRecords {
		return p, fmt.Errorf("%w: a piece of a block", engine.ErrCorrupt)
	}
	return p, nil
}

// length reads a number of bytes of a block, or of records in it.
func (r *rowReader) length() int { return int(r.uvarint(chain.MaxBlockBytes)) }

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
		return nil, noRecord(i)
	}
	at, lengths := p.lead, rowReader{rest: p.lengths}
	for range i {
		at += lengths.length() + len(chain.RecordSeparator)
	}
	if end := at + lengths.length(); end <= len(p.text) {
		return p.text[at:end], nil
	}
	return nil, fmt.Errorf("%w: a record leaves its piece", engine.ErrCorrupt)
}

// readPiece reads one piece of a block, which is there, and checks it.
func readPiece(r pebble.Reader, k keys.Block, number int) (p piece, err error) {
	key := k.Piece(number)
	value, err := engine.Get(r, key)
	if err != nil {
		return p, err
	}
	if value == nil {
		return p, fmt.Errorf("%w: piece %d of block %d is missing", engine.ErrCorrupt, number, k.Index)
	}
	if p, err = parsePiece(number, value); err != nil {
		return p, err
	}
	return p, p.check(key)
}
