package events

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/chain"
)

// wholeBlock stands for the position of a record in the event of the block.
const wholeBlock = -1

// Place is where a reader of events stands: the next event is that of the record
// at the position or, if the block has none there, that of the block.
type Place struct {
	Block    uint64
	Position int
}

// appendEventID writes the chain's first digits and the place: 6f…a1-7-3 for record
// 3 of block 7, 6f…a1-7 for block 7.
func appendEventID(dst []byte, id chain.Hash, block uint64, position int) []byte {
	dst = strconv.AppendUint(cursor.Append(dst, id), block, 10)
	if position == wholeBlock {
		return dst
	}
	return strconv.AppendInt(append(dst, '-'), int64(position), 10)
}

// LastEvent returns the place after the event that a Last-Event-ID names, the
// zero value when there is none.
func LastEvent(given []string, id chain.Hash) (Place, error) {
	switch {
	case len(given) == 0 || len(given) == 1 && given[0] == "":
		return Place{}, nil
	case len(given) > 1:
		return Place{}, fmt.Errorf("%w: more than one Last-Event-ID", chain.InvalidField)
	}
	text, err := cursor.OfChain(given[0], id)
	if err != nil {
		return Place{}, err
	}
	number, position, ofRecord := strings.Cut(text, "-")
	block, err := strconv.ParseUint(number, 10, 63)
	if err != nil || block == 0 {
		return Place{}, errEventID
	}
	if !ofRecord {
		return Place{Block: block + 1}, nil
	}
	i, err := strconv.ParseUint(position, 10, 31)
	if err != nil {
		return Place{}, errEventID
	}
	return Place{Block: block, Position: int(i) + 1}, nil
}

var errEventID = fmt.Errorf("%w: Last-Event-ID must be the id of an event as it came", chain.InvalidField)
