package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
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

// appendEventID writes the chain's first digits and the place: 6f…a1-7-3 for record
// 3 of block 7, 6f…a1-7 for block 7.
func appendEventID(dst []byte, id chain.Hash, block uint64, position int) []byte {
	dst = strconv.AppendUint(appendCursor(dst, id), block, 10)
	if position == wholeBlock {
		return dst
	}
	return strconv.AppendInt(append(dst, '-'), int64(position), 10)
}

// lastEvent returns the place after the event that a Last-Event-ID names, the
// zero value when there is none.
func lastEvent(given []string, id chain.Hash) (place, error) {
	switch {
	case len(given) == 0 || len(given) == 1 && given[0] == "":
		return place{}, nil
	case len(given) > 1:
		return place{}, fmt.Errorf("%w: more than one Last-Event-ID", chain.InvalidField)
	}
	text, err := ofChain(given[0], id)
	if err != nil {
		return place{}, err
	}
	number, position, ofRecord := strings.Cut(text, "-")
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

var errEventID = fmt.Errorf("%w: Last-Event-ID must be the id of an event as it came", chain.InvalidField)

// awaitPlace makes sure that the place is one of the chain's, or what comes next:
// a reader that stands beyond it would be told nothing for as long as the chain
// does not get there, and is told that instead. Another replica may be a little
// ahead, so this one is given the time of a read to get there.
func (s *server) awaitPlace(c *gin.Context, token string, at place) error {
	last := at.block
	if at.position == 0 {
		last-- // the block itself may be the next
	}
	if last == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	err := s.read.WaitBlock(ctx, token, last)
	if errors.Is(err, context.DeadlineExceeded) {
		return problem.WithDetail(problem.Behind, fmt.Sprintf("There is no block %d here yet, and the events that are asked for come after it", last))
	}
	if err != nil || at.position == 0 {
		return err
	}
	canonical, _, err := s.read.Block(token, at.block)
	if err != nil {
		return err
	}
	if count, err := countRecords(canonical); err != nil || at.position > count {
		return errors.Join(err, fmt.Errorf("%w: block %d has no record %d", chain.InvalidField, at.block, at.position-1))
	}
	return nil
}

// countRecords counts the records of a block.
func countRecords(canonical []byte) (count int, err error) {
	s := pyjson.NewScanner(canonical)
	err = s.Object(func(key string) error {
		if key != "transactions" {
			return nil
		}
		return s.Array(func(int) error {
			count++
			return nil
		})
	})
	return count, err
}
