// Package clock gives the time that log entries carry: the time that a majority
// of the members' wall clocks stands for, so that no entry runs ahead because one
// machine's clock does. It also keeps a member whose own clock is off from leading.
package clock

import (
	"sync"
	"time"
)

// Stamper is what a leader stamps entries with. It shows the majority's time, but
// never less than the machine's time nor than what it showed before.
//
// When the machine's time is ahead of the clocks, because they were wrong and
// have been put right, it goes on at half speed until they have caught up: what
// is due comes, if late, and the lead does not last for ever.
//
// Safe for concurrent use; mu guards the last reading, and is held while that of
// the Majority is taken.
type Stamper struct {
	majority *Majority

	mu   sync.Mutex
	last int64     // the last reading
	at   time.Time // when that was, by the monotonic clock
}

// NewStamper returns a Stamper that goes by the majority's time.
func NewStamper(m *Majority) *Stamper { return &Stamper{majority: m, at: time.Now()} }

// Now reads the clock in unix microseconds; machine is the machine's time as
// last seen. It is false while the clocks of a majority are not known: then
// nothing may be stamped.
func (s *Stamper) Now(machine int64) (micros int64, ok bool) {
	micros, _, ok = s.read(machine)
	return micros, ok
}

// Until is how long it takes until the clock shows due.
func (s *Stamper) Until(due, machine int64) (wait time.Duration, ok bool) {
	now, trusted, ok := s.read(machine)
	// Half speed until the clocks have caught up, full speed from there.
	return time.Duration(min(2*(due-now), due-trusted)) * time.Microsecond, ok
}

func (s *Stamper) read(machine int64) (micros, trusted int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now()
	if trusted, ok = s.majority.trusted(at); !ok {
		return 0, 0, false
	}
	s.last = max(trusted, machine, s.last+at.Sub(s.at).Microseconds()/2)
	s.at = at
	return s.last, trusted, true
}
