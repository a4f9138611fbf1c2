package health

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Progress watches that entries get from a leader to the others. raft itself
// looks at heartbeats alone, which are small, have a connection of their own and
// wait for no disk: a network that drops large packets leaves a leader that orders
// nothing, for ever.
//
// A leader from which no entry gets through to a majority within limit becomes
// unfit for a while. That says nothing about who is at fault, and it can come to
// all members one after the other; so it ends by itself, and the pause grows each
// time, while those come to lead who get something through.
//
// One goroutine calls Look and owns the fields that say so; mu guards voters and
// waiting, and the other methods may be called from anywhere.
type Progress struct {
	limit   time.Duration // by the clock
	clock   *RunClock
	fitness *Fitness
	leads   func() bool

	// Owned by Look.
	until time.Duration // when the pause ends; zero when there is none
	pause time.Duration // the latest one
	ended time.Duration // when it ended

	mu      sync.Mutex
	voters  []string                 // this member among them, if it votes
	waiting map[string]time.Duration // by member, since when entries sent to it are without an answer
}

const (
	// The key of what Progress has against leading.
	unfitReach = "reach"

	// How long a leader whose entries did not get through does not lead again,
	// at most. It begins with as long as that took and doubles with each time
	// within reachMemory.
	maxReachPause = 15 * time.Second
	reachMemory   = 2 * time.Minute
)

// NewProgress watches the entries of one member. leads tells whether it leads.
func NewProgress(limit time.Duration, clock *RunClock, fit *Fitness, leads func() bool) *Progress {
	return &Progress{
		limit:   limit,
		clock:   clock,
		fitness: fit,
		leads:   leads,
		waiting: map[string]time.Duration{},
	}
}

// Follow makes those known whose answers a majority is made of.
func (p *Progress) Follow(voters []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.voters = slices.Clone(voters)
	maps.DeleteFunc(p.waiting, func(id string, _ time.Duration) bool { return !slices.Contains(voters, id) })
}

// Sent notes that entries are on their way to a member.
func (p *Progress) Sent(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.waiting[to]; !ok {
		p.waiting[to] = p.clock.now()
	}
}

// Answered notes that a member has answered to entries.
func (p *Progress) Answered(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, to)
}

// Sending notes that a snapshot is on its way to a member: so far as it is read
// and, with rest, how long the member may still take for it.
func (p *Progress) Sending(to string, rest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[to] = p.clock.now() + rest
}

// Look decides whether entries get through.
func (p *Progress) Look() {
	now := p.clock.now()
	if p.until > 0 && now >= p.until {
		p.until, p.ended = 0, now
		p.fitness.Allow(unfitReach)
	}
	if p.until > 0 || !p.stuck(now) {
		return
	}
	if p.pause == 0 || now-p.ended > reachMemory {
		p.pause = p.limit
	} else {
		p.pause = min(2*p.pause, max(p.limit, maxReachPause))
	}
	p.until = now + p.pause
	p.fitness.Forbid(unfitReach, fmt.Sprintf("its entries did not get through to a majority for %v", p.limit))
}

// stuck tells whether this member leads and has had no answer to entries from so
// many members that the rest is no majority.
func (p *Progress) stuck(now time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.leads() {
		clear(p.waiting) // who led before has nothing to wait for
		return false
	}
	silent := 0
	for _, id := range p.voters {
		if since, waits := p.waiting[id]; waits && now-since > p.limit {
			silent++
		}
	}
	return silent > 0 && 2*(len(p.voters)-silent) <= len(p.voters)
}
