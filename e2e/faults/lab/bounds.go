package lab

import "time"

// A member that is new, replaced, rebuilt or restored reads and verifies the whole chain before it is ready. With 50,000
// records, on two processors that it shared with clients, two other members, followers and the work of others (a load of
// 11 to 15), that was 4,300 to 7,600 records a second; reads is a clear lower bound, with room for a command that verifies all
// before. What has come since the last round is in each bound's base.
const reads = 2000

// procedures bounds what an operator does when all faults have ended, without what it takes to read the chain:
// the longest, a new authority or an upgrade, restarts or asks each member in turn, some seconds each.
const procedures = 20 * time.Second

// through is a bound of what has a member read a chain of so many records.
func through(base time.Duration, records int) time.Duration {
	return base + time.Duration(records)*time.Second/reads
}

// through is a bound, as it is to be judged now, of what has a member read all that there is.
func (w *World) through(base time.Duration) time.Duration {
	records := 0
	for _, c := range w.chains {
		records += len(c.order)
	}
	return w.fair(through(base, records))
}
