package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// transfer hands leadership to another member. Meanwhile requests wait in the queue, and
// what is under way gets one election time-out, so that none is refused for it.
func (m *Member) transfer(ctx context.Context, to raft.Server) error {
	m.makingWay.Store(true)
	defer m.makingWay.Store(false)
	m.awaitFlights(ctx)
	var err error
	for range transferAttempts {
		if ctx.Err() != nil || m.raft.State() != raft.Leader {
			break
		}
		if err = groupcommit.Await(ctx, m.raft.LeadershipTransferToServer(to.ID, to.Address)); err == nil {
			return m.awaitSuccessor(ctx)
		}
		m.log.Warn("handing leadership over failed", "to", to.ID, "error", err)
	}
	return fmt.Errorf("%w: %s does not take over: %w", outcome.NoTransferTarget, identity.Identity(to.ID).ID(), errors.Join(err, ctx.Err()))
}

// awaitFlights waits for the entries that are under way, for an election time-out at
// most.
func (m *Member) awaitFlights(ctx context.Context) {
	limit := time.After(m.cfg.ElectionTimeout)
	for m.batcher.InFlight() > 0 {
		select {
		case <-time.After(m.cfg.ElectionTimeout / 20):
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
	}
}

// awaitSuccessor waits until this member knows who leads now.
func (m *Member) awaitSuccessor(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.leaderGrace())
	defer cancel()
	for {
		if leader, ok := m.leader(); ok && leader != m.name {
			return nil
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return fmt.Errorf("%w: leadership was handed over, and nobody has taken it yet", outcome.NoLeader)
		}
	}
}

// refusals watches for a transfer of leadership that never ends: raft may forget to say
// that it has, and would then refuse every entry if the member leads again
// (hashicorp/raft#696). Nothing but a new start helps.
//
// Safe for concurrent use; mu guards since and count.
type refusals struct {
	limit time.Duration // longer than any transfer lasts

	mu    sync.Mutex
	since time.Time
	count int
}

// minRefusals is how many entries in a row are refused at least: one that waited while
// the process stood still says nothing.
const minRefusals = 20

// note takes what became of an entry, and tells whether raft refuses for too long.
func (r *refusals) note(err error, at time.Time) (stuck bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !errors.Is(err, raft.ErrLeadershipTransferInProgress) {
		r.count = 0
		return false
	}
	if r.count == 0 {
		r.since = at
	}
	r.count++
	return r.count >= minRefusals && at.Sub(r.since) > r.limit
}

// stuck ends a member that raft keeps from ordering anything.
func (m *Member) stuck() {
	const why = "a transfer of leadership has not ended, and no entry is taken (hashicorp/raft#696)"
	m.fitness.Forbid("transfer", why) // another one can lead at once
	m.fatal(errors.New("cluster: " + why + ": start this member again"))
}
