package cluster

import (
	"sync"
	"time"
)

// clock is the leader's: the wall clock, but never behind the machine's time nor
// behind what it showed before, and going forward even then. A leader whose wall
// clock is an hour slow, or is set back, goes on from the machine's time at the
// rate of its monotonic clock, so nothing that is due has to wait for an hour.
//
// Safe for concurrent use.
type clock struct {
	wall func() int64 // unix microseconds

	mu   sync.Mutex
	last int64     // the last reading
	at   time.Time // when that was, by the monotonic clock
}

func newClock(wall func() int64) *clock {
	if wall == nil {
		wall = func() int64 { return time.Now().UnixMicro() }
	}
	return &clock{wall: wall, at: time.Now()}
}

// now reads the clock in unix microseconds; machine is the machine's time as
// last seen.
func (c *clock) now(machine int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Now()
	c.last = max(c.wall(), machine, c.last+at.Sub(c.at).Microseconds())
	c.at = at
	return c.last
}
