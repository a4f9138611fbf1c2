package node

import (
	"context"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
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
	return m.cluster.ForgetRecovery()
}
