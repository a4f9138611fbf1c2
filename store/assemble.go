package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
)

// assembler puts blocks together from their pieces, which come in the order of
// their keys, and compares each block with its hash.
type assembler struct {
	sums bool // compare those of the pieces, too

	key    blockKey
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
	return fmt.Errorf("%w: block %d is not whole", errCorrupt, a.key.index)
}

// readBlocks reads the blocks of a contract from an index on and before end,
// all of which are there: at least one, and no more than is good to hold at
// once.
func readBlocks(r pebble.Reader, contract uint32, from, end uint64) (run []*Block, err error) {
	var a assembler
	size := 0
	err = scanRange(r, blockKey{contract, from}.bytes(), blockKey{contract, end}.bytes(), func(key, value []byte) error {
		whole, err := a.add(key, value)
		if err != nil || !whole {
			return err
		}
		if a.key.index != from+uint64(len(run)) {
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
		return nil, a.broken()
	case err == nil && len(run) == 0:
		return nil, missing(from)
	}
	return run, err
}

func missing(index uint64) error {
	return fmt.Errorf("%w: block %d is missing", errCorrupt, index)
}

func readBlock(r pebble.Reader, k blockKey) (*Block, error) {
	run, err := readBlocks(r, k.contract, k.index, k.index+1)
	if err != nil {
		return nil, err
	}
	return run[0], nil
}
