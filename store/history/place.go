package history

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/bpsc/bpsc/chain"
)

// Place is where a record stands: the block and the position in it as one
// number, so that places compare as the records follow one another.
type Place uint64

const (
	positionBits       = 16 // chain.MaxBlockRecords fits
	firstPlace   Place = 1  // no record stands at either
	lastPlace    Place = math.MaxUint64 - 1
)

// PlaceOf is the place of a record in a block.
func PlaceOf(block uint64, position int) Place { return Place(block<<positionBits | uint64(position)) }

// Block is the block.
func (p Place) Block() uint64 { return uint64(p >> positionBits) }

// Position is the position in it.
func (p Place) Position() int { return int(p & (1<<positionBits - 1)) }

const cursorVersion = 1

// Cursor is the place as clients get it.
func (p Place) Cursor() string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(p)))
}

// ParseCursor reads a cursor; one that nobody was given fails with chain.InvalidField.
func ParseCursor(text string) (Place, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && len(b) == 9 && b[0] == cursorVersion {
		if p := Place(binary.BigEndian.Uint64(b[1:])); p >= firstPlace && p <= lastPlace && p.Cursor() == text {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%w: not a cursor of this version", chain.InvalidField)
}
