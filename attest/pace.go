package attest

import (
	"sync"
	"time"
)

// maxSlot bounds how far apart two choices are, however slow the disk: a thousand chains
// come round in 20 s.
const maxSlot = 20 * time.Millisecond

// pace spaces the sizes that are chosen of all chains of a member by what the journal
// takes, so that with many busy chains one signature is written after another and the
// disk is left to the Raft log. Each chain then has more blocks to a signature. Where few
// are busy nobody waits. Who leads sets the pace for all members, since they attest
// what it chooses.
type pace struct {
	mu   sync.Mutex
	took time.Duration // a write of the journal, a running mean
	free time.Time     // when the next size may be chosen
}

// wrote notes how long a write of the journal took.
func (p *pace) wrote(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took += (took - p.took) / 8
}

// next is when a chain's turn comes to choose a size; nobody else has it.
func (p *pace) next(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now
	if p.free.After(now) {
		at = p.free
	}
	p.free = at.Add(min(p.took, maxSlot))
	return at
}
