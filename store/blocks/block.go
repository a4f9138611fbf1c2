// Package blocks keeps blocks in rows: a block is cut into pieces, each with a sum of its own, so
// that a record is read without the rest of its block; and a block is put together from its
// pieces and compared with its hash.
package blocks

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
)

// Block is a produced block. Its maker has computed its hash and knows where
// its records stand; nothing in it changes any more.
type Block struct {
	Canonical []byte
	Hash      chain.Hash
	Records   []chain.Span // in Canonical
}

// Record returns the text of the record at a position.
func (b *Block) Record(position int) ([]byte, error) {
	if position >= len(b.Records) {
		return nil, NoRecord(position)
	}
	place := b.Records[position]
	return b.Canonical[place.From:place.To], nil
}

// Check compares the block with its hash.
func (b *Block) Check() error { return checkHash(b.Hash, b.Canonical) }

func checkHash(hash chain.Hash, canonical []byte) error {
	if chain.HashBytes(canonical) != hash {
		return fmt.Errorf("%w: block %s does not have that hash any more", engine.ErrCorrupt, hash)
	}
	return nil
}

// NoRecord is the error for a position at which a block has no record.
func NoRecord(position int) error {
	return fmt.Errorf("%w: no record %d in this block", chain.NotFound, position)
}

// Bytes is about what the block takes in memory.
func (b *Block) Bytes() int { return len(b.Canonical) + 16*len(b.Records) }
