package store

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// Block is a produced block. Whoever makes one has computed its hash and knows
// where its records stand; nothing in it changes any more.
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

// check tells whether the bytes are still those that were hashed.
func (b *Block) check() error { return checkHash(b.Hash, b.Canonical) }

func checkHash(hash chain.Hash, canonical []byte) error {
	if chain.HashBytes(canonical) != hash {
		return fmt.Errorf("%w: block %s does not have that hash any more", errCorrupt, hash)
	}
	return nil
}

func noRecord(position int) error {
	return fmt.Errorf("%w: no record %d in this block", chain.NotFound, position)
}

// bytes is about what the block takes in memory.
func (b *Block) bytes() int { return len(b.Canonical) + 16*len(b.Records) }
