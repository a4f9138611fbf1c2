package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// progress watches that entries get from a leader to the others. raft itself
// looks at heartbeats alone, which are small, have a connection of their own and
// wait for no disk: a network that drops large packets leaves a leader that orders
// nothing, for ever.
//
// A leader from which no entry gets through to a majority within limit becomes
// unfit for a while. That says nothing about who is at fault, and it can come to
// all members one after the other; so it ends by itself, and the pause grows each
// time, while those come to lead who get something through.
//
// run is its goroutine, which also looks after something else. sent, answered and
// sending may be called from anywhere.
type progress struct {
	limit   time.Duration // by the clock
	members int
	clock   *runClock
	fitness *fitness
	leads   func() bool

	// Owned by run.
	until time.Duration // when the pause ends; zero when there is none
	pause time.Duration // the latest one
	ended time.Duration // when it ended

	mu      sync.Mutex
	waiting map[raft.ServerID]time.Duration // since when entries sent to it are without an answer
}

// unfitReach is the key of what progress has against leading.
const unfitReach = "reach"

func newProgress(cfg Config, clock *runClock, fit *fitness) *progress {
	return &progress{
		limit:   stallTimeouts * cfg.ElectionTimeout,
		members: len(cfg.Peers),
		clock:   clock,
		fitness: fit,
		waiting: map[raft.ServerID]time.Duration{},
	}
}

// sent notes that entries are on their way to a member.
func (p *progress) sent(to raft.ServerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.waiting[to]; !ok {
		p.waiting[to] = p.clock.now()
	}
}

// answered notes that a member has answered to entries.
func (p *progress) answered(to raft.ServerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, to)
}

// sending notes that a snapshot is on its way to a member: so far as it is read
// and, with rest, how long the member may still take for it.
func (p *progress) sending(to raft.ServerID, rest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[to] = p.clock.now() + rest
}

func (p *progress) run(ctx context.Context, also func()) {
	ticker := time.NewTicker(p.clock.step)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.look()
			also()
		}
	}
}

// look decides whether entries get through.
func (p *progress) look() {
	now := p.clock.now()
	if p.until > 0 && now >= p.until {
		p.until, p.ended = 0, now
		p.fitness.allow(unfitReach)
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
	p.fitness.forbid(unfitReach, fmt.Sprintf("its entries did not get through to a majority for %v", p.limit))
}

// stuck tells whether this member leads and has had no answer to entries from so
// many members that the rest is no majority.
func (p *progress) stuck(now time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.leads() {
		clear(p.waiting) // who led before has nothing to wait for
		return false
	}
	silent := 0
	for _, since := range p.waiting {
		if now-since > p.limit {
			silent++
		}
	}
	return 2*(p.members-silent) <= p.members
}
