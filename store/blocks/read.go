package blocks

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// errEnough ends a scan early.
var errEnough = errors.New("enough")

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
	k, number, ok := keys.ParsePiece(key)
	if !ok {
		return false, fmt.Errorf("%w: key of a block", engine.ErrCorrupt)
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

// Read reads the blocks of a contract from an index on and before end,
// all of which are there: at least one, and no more than is good to hold at
// once.
func Read(r pebble.Reader, contract uint32, from, end uint64) (run []*Block, err error) {
	return read(r, contract, from, end, false)
}

// ReadChecked is Read that compares the sums of pieces as well. With an error
// come the blocks before the one that cannot be read.
func ReadChecked(r pebble.Reader, contract uint32, from, end uint64) (run []*Block, err error) {
	return read(r, contract, from, end, true)
}

func read(r pebble.Reader, contract uint32, from, end uint64, sums bool) (run []*Block, err error) {
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
		if size += len(a.text); len(run) == MaxRun || size >= MaxRunBytes {
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

// ReadBlock reads one block, which is there.
func ReadBlock(r pebble.Reader, k keys.Block) (*Block, error) {
	run, err := Read(r, k.Contract, k.Index, k.Index+1)
	if err != nil {
		return nil, err
	}
	return run[0], nil
}

// CheckRows reads rows from a key on, about budget bytes of them and whole blocks
// among them, and returns where to go on, nil at the end, and how much it read.
func CheckRows(r pebble.Reader, from []byte, budget int) (next []byte, read int, err error) {
	a := assembler{sums: true}
	err = engine.ScanRange(r, from, nil, func(key, value []byte) error {
		read += len(key) + len(value)
		if key[0] == keys.BlockTable || a.open() {
			if _, err := a.add(key, value); err != nil {
				return err
			}
		}
		if read < budget || a.open() {
			return nil
		}
		next = append(bytes.Clone(key), 0)
		return errEnough
	})
	switch {
	case errors.Is(err, errEnough):
		return next, read, nil
	case err == nil && a.open():
		err = a.broken()
	}
	return nil, read, err
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

// Begin reads how the text of a block begins, which is there, and its hash.
func Begin(r pebble.Reader, k keys.Block) (text []byte, hash chain.Hash, err error) {
	p, err := readPiece(r, k, 0)
	return p.text, p.hash, err
}

// Reader reads records of a contract, and keeps the piece that it read last: neighbours often
// follow one another.
type Reader struct {
	db       pebble.Reader
	contract uint32
	size     int

	key    keys.Block
	number int
	piece  piece
}

// NewReader returns one that has read nothing.
func NewReader(db pebble.Reader, contract uint32) *Reader { return &Reader{db: db, contract: contract} }

// Size is how many bytes it has read so far.
func (r *Reader) Size() int { return r.size }

// Record returns the text of the record at a position of a block, which is there.
func (r *Reader) Record(block uint64, position int) ([]byte, error) {
	k, number := keys.Block{Contract: r.contract, Index: block}, position/pieceRecords
	if k != r.key || number != r.number {
		read, err := readPiece(r.db, k, number)
		if err != nil {
			return nil, err
		}
		r.key, r.number, r.piece = k, number, read
		r.size += len(read.text)
	}
	return r.piece.record(position % pieceRecords)
}
