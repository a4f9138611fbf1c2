package verify

import (
	"fmt"
	"math/big"
)

// A block that the contract's schedule did not end closes at these sizes.
const (
	recordsMax = 10_000
	bytesMax   = 4 << 20
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
	if s.Transactions > 0 && records > s.Transactions || records > recordsMax {
		return fmt.Errorf("%d records are more than a block may hold", records)
	}
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
		if records != recordsMax && b.size < bytesMax/2 {
			return fmt.Errorf("produced by size with %d records in %d bytes", records, b.size)
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

// seconds is the time from one block to the next.
func seconds(from, to Block) (*big.Rat, error) {
	a, ok1 := new(big.Rat).SetString(from.Timestamp.String())
	b, ok2 := new(big.Rat).SetString(to.Timestamp.String())
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("timestamps %s and %s", from.Timestamp, to.Timestamp)
	}
	return b.Sub(b, a), nil
}
