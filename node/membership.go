package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/node/folder"
)

// followMembership has the cluster go by what the state says of members: who was
// removed, whose key is known, and whether the members have agreed to the last
// change.
func (m *Member) followMembership(cc *cluster.Config) {
	cc.Removed = func(who identity.Identity) bool { return m.store.Removed(string(who)) }
	cc.Departed = m.store.Departed
	cc.MayVote = func(who identity.Identity) bool { return m.store.KeyKnown(string(who)) }
	cc.Settled = m.store.Endorsed
}

// misplaced tells apart what is the mistake of who starts this member: its folder is
// another's, or a new one where there was one, or its cluster does not know it.
func misplaced(err error) error {
	switch {
	case errors.Is(err, cluster.ErrKnownID), errors.Is(err, cluster.ErrNotAMember):
		return usage(err)
	case errors.Is(err, outcome.TwoVoters):
		return usage(fmt.Errorf("%w: --two-voters", err))
	}
	return err
}

// checkFirstStart refuses a first start that says neither with whom a cluster begins
// nor that it is to join one.
func (m *Member) checkFirstStart() error {
	_, err := os.Stat(m.path(folder.Raft))
	if errors.Is(err, fs.ErrNotExist) && len(m.cfg.Peers) == 0 && !m.cfg.Join {
		return usage(errors.New("the first start needs --cluster or --join"))
	}
	return nil
}

// ChangeMembers implements api.MemberChanger.
func (s memberStatus) ChangeMembers(ctx context.Context, c api.MemberChange) (api.MembersChanged, error) {
	changed, err := s.Change(ctx, cluster.Change{
		Kind: cluster.ChangeKind(c.Kind), ID: c.ID, Instance: c.Instance, Addr: c.Raft,
		NonVoter: c.NonVoter, TwoVoters: c.TwoVoters, At: c.At, DryRun: c.DryRun,
	})
	if err != nil {
		return api.MembersChanged{}, err
	}
	out := api.MembersChanged{Index: changed.Index, Steps: []api.MemberStep{}}
	for _, step := range changed.Steps {
		out.Steps = append(out.Steps, api.MemberStep{
			What: step.What, Voters: step.Voters, Quorum: step.Quorum, Reachable: step.Reachable, CanLose: step.CanLose,
		})
	}
	return out, nil
}
