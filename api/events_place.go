package api

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// headerLastEvent names the last event that a reader got.
const headerLastEvent = "Last-Event-Id"

// wholeBlock stands for the position of a record in the event of the block.
const wholeBlock = -1

// place is where a reader of events stands: the next event is that of the record
// at the position or, if the block has none there, that of the block.
type place struct {
	block    uint64
	position int
}

// appendEventID writes 7-3 for record 3 of block 7, and 7 for block 7.
func appendEventID(dst []byte, block uint64, position int) []byte {
	dst = strconv.AppendUint(dst, block, 10)
	if position == wholeBlock {
		return dst
	}
	return strconv.AppendInt(append(dst, '-'), int64(position), 10)
}

// lastEvent returns the place after the event that a Last-Event-ID names, the
// zero value when there is none.
func lastEvent(given []string) (place, error) {
	switch {
	case len(given) == 0 || len(given) == 1 && given[0] == "":
		return place{}, nil
	case len(given) > 1:
		return place{}, fmt.Errorf("%w: more than one Last-Event-ID", chain.InvalidField)
	}
	number, position, ofRecord := strings.Cut(given[0], "-")
	block, err := strconv.ParseUint(number, 10, 63)
	if err != nil || block == 0 {
		return place{}, errEventID
	}
	if !ofRecord {
		return place{block: block + 1}, nil
	}
	i, err := strconv.ParseUint(position, 10, 31)
	if err != nil {
		return place{}, errEventID
	}
	return place{block: block, position: int(i) + 1}, nil
}

var errEventID = fmt.Errorf("%w: Last-Event-ID must be the id of an event, such as 7 or 7-3", chain.InvalidField)
