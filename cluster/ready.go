package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Leader is the id of the member that leads, as far as this member knows.
func (m *Member) Leader() (id string, ok bool) {
	name, ok := m.leader()
	return identity.Identity(name).ID(), ok
}

// leader is the identity of the member that leads.
func (m *Member) leader() (name string, ok bool) {
	if m.IsLeader() {
		return m.name, true
	}
	_, leader := m.raft.LeaderWithID()
	// Between two roles raft still names this member, though it does not lead.
	if leader == "" || string(leader) == m.name {
		return "", false
	}
	return string(leader), true
}

// Identity is this member's name in the cluster and in its log.
func (m *Member) Identity() identity.Identity { return identity.Identity(m.name) }

// Configuration is who the members are, by the last entry of the log that says so.
func (m *Member) Configuration() Configuration { return m.roster.Latest() }

// IsLeader tells whether this member leads, as far as it knows, and may go on.
func (m *Member) IsLeader() bool {
	return m.raft.State() == raft.Leader && m.fitness.Fit() && !m.makingWay.Load()
}

// Settled tells whether this member leads and has applied all that was ordered before it came to:
// an entry of its own comes behind that. Until then what it has may be older than what others have
// shown.
func (m *Member) Settled() bool {
	return m.IsLeader() && m.settled.Load() == m.raft.CurrentTerm()
}

// Ready returns nil when this member can serve, else an ErrNotReady that says
// why it cannot: because it has failed, must not lead, has no room on its disk,
// knows no leader, or its state is behind.
func (m *Member) Ready() error {
	if err := m.failure.get(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	select {
	case <-m.ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotReady, outcome.ShuttingDown)
	default:
	}
	if why := m.fitness.Why(); len(why) > 0 {
		return fmt.Errorf("%w: it must not lead: %s", ErrNotReady, strings.Join(why, "; "))
	}
	if short := m.room().Short; short != "" {
		return fmt.Errorf("%w: %w: %s", ErrNotReady, outcome.DiskFull, short)
	}
	if _, member := m.roster.Latest().Member(m.name); !member {
		return fmt.Errorf("%w: it waits to be added to a cluster, by `bpsc cluster add %s HOST:PORT` on a member", ErrNotReady, m.cfg.ID)
	}
	if _, ok := m.leader(); !ok {
		return fmt.Errorf("%w: %w: it %v", ErrNotReady, outcome.NoLeader, m.absences)
	}
	if _, ok := m.Now(); !ok {
		return fmt.Errorf("%w: it does not know the clocks of a majority of the members", ErrNotReady)
	}
	// A member that has just started learns the commit index with the first
	// entry from the leader.
	commit, applied := m.raft.CommitIndex(), m.replica.Applied()
	if commit == 0 || applied+maxReadyLag < commit {
		return fmt.Errorf("%w: its state is at entry %d of %d", ErrNotReady, applied, commit)
	}
	select {
	case <-m.greeted:
	default:
		return fmt.Errorf("%w: the other members do not know of it yet", ErrNotReady)
	}
	if why := m.lag.Reason(); why != "" {
		return fmt.Errorf("%w: %s", ErrNotReady, why)
	}
	return nil
}

// Stuck says why this member should be ended from outside, if it does not end by itself;
// nil while it makes progress, or waits for others.
func (m *Member) Stuck() error {
	if err := m.failure.get(); err != nil {
		return err
	}
	if what := m.watchdog.Stuck(); what != "" {
		return fmt.Errorf("cluster: %s", what)
	}
	return nil
}

// Now is the time, in unix microseconds, that the next entry would carry if this
// member led; false while it does not know the clocks of a majority.
func (m *Member) Now() (micros int64, ok bool) {
	machine, _ := m.replica.Schedule()
	return m.clock.Now(machine)
}

// led tells whether a leader is known, be it one that must not lead.
func (m *Member) led() bool {
	_, leader := m.raft.LeaderWithID()
	return leader != ""
}

// LastContact is how long ago the leader was heard, negative for never.
func (m *Member) LastContact() time.Duration {
	at := m.raft.LastContact()
	switch {
	case m.raft.State() == raft.Leader:
		return 0
	case at.IsZero():
		return -1
	}
	return time.Since(at)
}

// observed is the member as health.Lag sees it.
type observed struct{ *Member }

// OtherLeader implements health.Observed.
func (m observed) OtherLeader() (id string, ok bool) {
	id, ok = m.leader()
	return id, ok && id != m.name
}

// Committed implements health.Observed: the last entry that is known to be
// committed, here or by the leader.
func (m observed) Committed(leader string) (entry uint64, ok bool) {
	s := m.gatherer.Member(leader)
	return max(m.raft.CommitIndex(), s.Commit), s.Role != status.RoleUnreachable
}

// Applied implements health.Observed.
func (m observed) Applied() uint64 { return m.replica.Applied() }
