package cluster

import (
	"sync"
	"time"
)

// clock is what a leader stamps entries with. It shows the time that a majority's
// clocks stand for (clocks.go), but never less than the machine's time nor than
// what it showed before.
//
// When the machine's time is ahead of the clocks, because they were wrong and
// have been put right, it goes on at half speed until they have caught up: what
// is due comes, if late, and the lead does not last for ever.
//
// Safe for concurrent use.
type clock struct {
	clocks *clocks

	mu   sync.Mutex
	last int64     // the last reading
	at   time.Time // when that was, by the monotonic clock
}

func newClock(c *clocks) *clock { return &clock{clocks: c, at: time.Now()} }

// now reads the clock in unix microseconds; machine is the machine's time as
// last seen. It is false while the clocks of a majority are not known: then
// nothing may be stamped.
func (c *clock) now(machine int64) (micros int64, ok bool) {
	micros, _, ok = c.read(machine)
	return micros, ok
}

// until is how long it takes until the clock shows due.
func (c *clock) until(due, machine int64) (wait time.Duration, ok bool) {
	now, trusted, ok := c.read(machine)
	// Half speed until the clocks have caught up, full speed from there.
	return time.Duration(min(2*(due-now), due-trusted)) * time.Microsecond, ok
}

func (c *clock) read(machine int64) (micros, trusted int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Now()
	if trusted, ok = c.clocks.trusted(at); !ok {
		return 0, 0, false
	}
	c.last = max(trusted, machine, c.last+at.Sub(c.at).Microseconds()/2)
	c.at = at
	return c.last, trusted, true
}
