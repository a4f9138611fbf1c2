package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// A block that the contract's schedule did not end closes with so many records,
// or when the text of another, with what is around the records, might not fit.
const (
	recordsMax = 10_000
	roomBytes  = 4<<20 - 6<<10 - 2<<10
)

// checkSchedule checks why a block was produced against what the contract
// allows, and that time does not run backwards.
func (l *Ledger) checkSchedule(b Block) error {
	s, records := l.Contract.Schedule, len(b.Transactions)
	before := l.Blocks[len(l.Blocks)-1]
	passed, err := seconds(before, b)
	if err != nil {
		return err
	}
	if passed.Sign() < 0 {
		return fmt.Errorf("its time %s is before the time %s of the block before", b.Timestamp, before.Timestamp)
	}
	text, beforeLast := 0, 0
	for i, record := range b.Transactions {
		beforeLast = text
		if text += len(record); i > 0 {
			text += len(", ")
		}
	}
	if s.Transactions > 0 && records > s.Transactions || records > recordsMax || beforeLast > roomBytes {
		return fmt.Errorf("%d records in %d bytes are more than a block may hold", records, text)
	}
	if records > 0 && records == s.Transactions && b.Trigger != "count" || records == recordsMax && b.Trigger != "size" && b.Trigger != "count" {
		return fmt.Errorf("produced by %q with %d records", b.Trigger, records)
	}
	return l.checkTrigger(b, passed, text)
}

func (l *Ledger) checkTrigger(b Block, passed *big.Rat, text int) error {
	s, records := l.Contract.Schedule, len(b.Transactions)
	switch b.Trigger {
	case "time":
		if l.every == nil || passed.Cmp(l.every) < 0 {
			return fmt.Errorf("produced by time after %s s", passed.FloatString(6))
		}
		if records == 0 && !s.Empty {
			return fmt.Errorf("empty, which the contract does not want")
		}
	case "count":
		if s.Transactions == 0 || records != s.Transactions {
			return fmt.Errorf("produced by count with %d records", records)
		}
	case "size":
		if records != recordsMax && text <= roomBytes {
			return fmt.Errorf("produced by size with %d records in %d bytes", records, text)
		}
	case "request":
		if !l.Contract.OnRequest {
			return fmt.Errorf("produced on request, which the contract does not allow")
		}
	default:
		return fmt.Errorf("trigger is %q", b.Trigger)
	}
	return nil
}

// startBlock sets when a block is due by time: in a contract that wants empty
// ones after the one before, in another after the first record.
func (l *Ledger) startBlock() error {
	l.due = nil
	if l.every == nil || !l.Contract.Schedule.Empty {
		return nil
	}
	before, err := moment(l.Blocks[len(l.Blocks)-1].Timestamp)
	if err == nil {
		l.due = before.Add(before, l.every)
	}
	return err
}

// checkMoment checks that nothing was due before a record, or a refund, of this
// time: no block, and of records asked for no refund either. end is the time of
// its block.
func (l *Ledger) checkMoment(asked bool, end *big.Rat) error {
	if l.due == nil && l.every != nil && !l.Contract.Schedule.Empty {
		l.due = new(big.Rat).Add(l.clock, l.every)
	}
	if l.due != nil && l.clock.Cmp(l.due) >= 0 && (asked || l.clock.Cmp(end) != 0) {
		return fmt.Errorf("a block by time was due at %s", l.due.FloatString(6))
	}
	if asked {
		return l.checkReturned(l.clock)
	}
	return nil
}

// endBlock checks the time of a block against what is in it and what waits.
func (l *Ledger) endBlock(b Block) error {
	end, err := moment(b.Timestamp)
	if err != nil {
		return err
	}
	overdue := l.due != nil && end.Cmp(l.due) >= 0
	if !l.signed() { // records do not say when they came, and none is a refund
		if overdue && b.Trigger != "time" {
			return fmt.Errorf("a block by time was due at %s, not one by %s", l.due.FloatString(6), b.Trigger)
		}
		return nil
	}
	full := b.Trigger == "count" || b.Trigger == "size" && len(b.Transactions) == recordsMax
	if full && l.clock.Cmp(end) != 0 {
		return fmt.Errorf("full at %s, and produced at %s", l.clock.FloatString(6), b.Timestamp)
	}
	if l.clock == nil || end.Cmp(l.clock) > 0 {
		if l.clock != nil {
			if err := l.checkReturned(l.clock); err != nil {
				return err
			}
		}
		l.clock = end
	}
	late := l.checkReturned(end)
	switch {
	case b.Trigger == "time" && !overdue:
		return errors.New("produced by time before it was due")
	case b.Trigger == "request" && overdue, b.Trigger == "size" && overdue && !full && late == nil:
		return fmt.Errorf("a block by time was due at %s, not one by %s", l.due.FloatString(6), b.Trigger)
	case b.Trigger == "time" || b.Trigger == "request":
		return late
	}
	return nil
}

// moment reads a time.
func moment(text json.Number) (*big.Rat, error) {
	at, ok := new(big.Rat).SetString(text.String())
	if !ok {
		return nil, fmt.Errorf("time %q", text)
	}
	return at, nil
}

// seconds is the time from one block to the next.
func seconds(from, to Block) (*big.Rat, error) {
	a, err1 := moment(from.Timestamp)
	b, err2 := moment(to.Timestamp)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return b.Sub(b, a), nil
}
