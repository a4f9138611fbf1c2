package node

import (
	"cmp"
	"context"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/outcome"
)

// sayRecovery says in the log, before anything else, what the folder of this member
// says that somebody has done: after a restore, or where a majority was lost. All
// members that go on say the same, and the first is heard. One that comes late, when
// the cluster has had other members since, has nothing to say.
func (m *Member) sayRecovery(ctx context.Context) error {
	r, found, err := m.cluster.Recovery()
	if err != nil || !found {
		return err
	}
	if m.store.Configured() <= r.Index {
		err := m.requests.Recovered(ctx, command.Recovered{By: r.By, Reason: r.Reason, Time: chain.Seconds(r.Time), Before: r.Before, After: r.After})
		if err != nil {
			return err
		}
		m.log.Warn("this cluster goes on without the members that it had", "by", r.By, "reason", r.Reason, "before", r.Before, "after", r.After)
		if err := m.cluster.Barrier(ctx); err != nil { // the answer may be ahead of this member's state
			return err
		}
	}
	if err := m.cluster.ForgetRecovery(); err != nil {
		return err
	}
	m.recovering.Store(false)
	return nil
}

// unsaid is that this member has something to say first. What clients wrote before would be
// judged by members of whom most are gone: no checkpoint would ever be of just that block.
func (m *Member) unsaid() error {
	if m.recovering.Load() {
		return fmt.Errorf("%w: it has to say first that its cluster goes on without members that it had", outcome.NoLeader)
	}
	return nil
}

// writesNothing is why this member takes no writes of clients now, if so.
func (m *Member) writesNothing() error { return cmp.Or(m.unsaid(), m.cluster.NoRoom()) }
