package attest

import (
	"sync"
	"time"
)

const (
	// slot is how far apart the sizes are on the average that a leader chooses, of all chains
	// together: what one costs a member, its own signature and the verification of the
	// others', is 0.2 ms of a core, so they take a tenth of a core at most. A
	// thousand chains come round in two seconds.
	slot = 2 * time.Millisecond

	// round is how long choices are gathered that have to wait, so that their writes of the
	// journal and their entries of the log are few: with 100 ms a thousand chains take a
	// third more of a core.
	round = 250 * time.Millisecond
)

// pace spaces the sizes that are chosen of all chains of a member, so that with many busy
// chains each has more blocks to a signature, and not each block one. Where few are busy nobody waits.
// Who leads sets the pace for all members, since they attest what it chooses.
type pace struct {
	mu   sync.Mutex
	free time.Time // when the next size may be chosen
}

// next is when a chain's turn comes to choose a size, together with others.
func (p *pace) next(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.free.After(now) {
		p.free = now.Add(slot)
		return now
	}
	// Not Truncate alone: its result knows nothing but the wall clock, which may be set back.
	at := p.free.Add(round - p.free.Sub(p.free.Truncate(round)))
	p.free = p.free.Add(slot)
	return at
}
