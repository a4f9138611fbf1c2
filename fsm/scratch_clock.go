package fsm

import (
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/holds"
)

// The clock comes first: whatever a member does at a time, it has given back all
// holds that have expired by then. So nobody may leave one behind.

// moveClock moves the chain's clock to the time of what comes next.
func (s *scratch) moveClock(to chain.Micros) error {
	if to <= s.clock {
		return nil
	}
	if err := s.settled(); err != nil {
		return err
	}
	s.clock = to
	return nil
}

// settled checks that no hold has expired and not been given back.
func (s *scratch) settled() error {
	if first, ok := s.firstHold(); ok && first.Until.Micros() <= s.clock {
		return fmt.Errorf("hold %s expired at %d and has not been given back", first.ID, first.Until)
	}
	return nil
}

// firstHold is the open hold that expires first.
func (s *scratch) firstHold() (first holds.Queued, ok bool) {
	for s.waits {
		if i, touched := s.holds[s.waiting.ID]; !touched || s.held[i].state.Ended == "" {
			break
		}
		s.waiting, s.waits = s.below.Holds().After(s.waiting)
	}
	if here, is := s.opened.First(); is && (!s.waits || here.Before(s.waiting)) {
		return here, true
	}
	return s.waiting, s.waits
}

// expireAgain makes the refund of the hold that the machine gives back next.
func (s *scratch) expireAgain(r *chain.Record) (chain.Record, error) {
	first, ok := s.firstHold()
	if !ok || first.Until.Micros() > s.clock {
		return chain.Record{}, fmt.Errorf("no hold %s has expired", r.Hold)
	}
	if first.ID != r.Hold {
		return chain.Record{}, fmt.Errorf("hold %s goes back before %s", first.ID, r.Hold)
	}
	h, _ := s.Hold(first.ID)
	return expire(first.ID, h, s.clock), nil
}

// recovered takes the mark of a recovery, of which CheckBlock has checked the form. It
// comes when all that was due has been done, and changes nothing.
func (s *scratch) recovered(r *chain.Record) error {
	if r.Time < s.clock {
		return errors.New("a recovery before what comes before it")
	}
	if err := s.moveClock(r.Time); err != nil {
		return err
	}
	return s.settled()
}

// end moves the clock to the time of the block. Only one that the refunds
// themselves have filled may come before the last of them.
func (s *scratch) end(b *chain.Block) error {
	if s.contract.Wallets == chain.OpenWallets {
		return nil
	}
	if err := s.moveClock(b.Timestamp); err != nil {
		return err
	}
	if b.Trigger != chain.BySize {
		if b.Trigger != chain.ByCount {
			return s.settled()
		}
		return nil
	}
	due, timed := s.contract.Schedule.Due(s.below.tipTime(), b.Records[0].Time, true)
	if timed && b.Timestamp >= due && len(b.Records) < chain.MaxBlockRecords && s.settled() == nil {
		return errors.New("a block by time was due, and no refund was there to fill this one by size")
	}
	return nil
}
