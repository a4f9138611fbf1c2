package reconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/transport"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// settleLimit is how long a removal waits for what has to follow from the change before it: a
// signature of each of a majority of the members.
const settleLimit = 10 * time.Second

// do takes one step, for the configuration of that index. It returns the next index.
func (ch *Changer) do(ctx context.Context, index uint64, a membership.Action, joiner *membership.Joiner) (uint64, error) {
	at, member := ch.server(a.Member)
	id := raft.ServerID(a.Member)
	if a.Op != membership.AddMember && !member {
		return 0, fmt.Errorf("%w: %s", outcome.MemberUnknown, a.Member)
	}
	switch a.Op {
	case membership.AddMember:
		if err := ch.invite(ctx, a, joiner); err != nil {
			return 0, err
		}
		to := roster.Address{HostPort: a.Addr, Instance: a.Member.Instance(), Joins: !a.Stays}.Encode()
		return ch.set(ctx, func() raft.IndexFuture { return ch.cfg.Raft.AddNonvoter(id, to, index, transport.Timeout) })
	case membership.Readdress:
		to := roster.ParseAddress(at.Address)
		to.HostPort = a.Addr
		return ch.readdress(ctx, index, at, to)
	case membership.MakeVoter:
		if err := ch.settled(); err != nil {
			return 0, err
		}
		return ch.set(ctx, func() raft.IndexFuture { return ch.cfg.Raft.AddVoter(id, at.Address, index, transport.Timeout) })
	case membership.MakeNonVoter:
		return ch.demote(ctx, index, at)
	case membership.RemoveMember:
		if at.Suffrage == raft.Voter {
			var err error
			if index, err = ch.unseat(ctx, index, at); err != nil {
				return 0, err
			}
			// It may be one of those that have to agree.
			if err := ch.awaitSettled(ctx); err != nil {
				return 0, err
			}
		}
		return ch.set(ctx, func() raft.IndexFuture { return ch.cfg.Raft.RemoveServer(id, index, transport.Timeout) })
	case membership.TransferLeading:
		return index, ch.cfg.Transfer(ctx, at)
	}
	return 0, fmt.Errorf("cluster: no step of the kind %d", a.Op)
}

// readdress gives a member another address, or another remark in it.
func (ch *Changer) readdress(ctx context.Context, index uint64, at raft.Server, to roster.Address) (uint64, error) {
	return ch.set(ctx, func() raft.IndexFuture {
		if at.Suffrage == raft.Voter {
			return ch.cfg.Raft.AddVoter(at.ID, to.Encode(), index, transport.Timeout)
		}
		return ch.cfg.Raft.AddNonvoter(at.ID, to.Encode(), index, transport.Timeout)
	})
}

// demote makes a non-voter of a member, for good. First it says that the member does not
// become a voter by itself.
func (ch *Changer) demote(ctx context.Context, index uint64, at raft.Server) (uint64, error) {
	if to := roster.ParseAddress(at.Address); to.Joins {
		to.Joins = false
		var err error
		if index, err = ch.readdress(ctx, index, at, to); err != nil || at.Suffrage != raft.Voter {
			return index, err
		}
	}
	return ch.unseat(ctx, index, at)
}

// unseat takes a member's vote.
func (ch *Changer) unseat(ctx context.Context, index uint64, at raft.Server) (uint64, error) {
	if err := ch.settled(); err != nil {
		return 0, err
	}
	return ch.set(ctx, func() raft.IndexFuture { return ch.cfg.Raft.DemoteVoter(at.ID, index, transport.Timeout) })
}

// set changes raft's configuration and returns the index of the new one.
func (ch *Changer) set(ctx context.Context, change func() raft.IndexFuture) (uint64, error) {
	if !ch.leads() {
		return 0, fmt.Errorf("%w: this member leads no more", outcome.NoLeader)
	}
	future := change()
	switch err := groupcommit.Await(ctx, future); {
	case err == nil:
		return future.Index(), nil
	case strings.Contains(err.Error(), "configuration changed since"): // raft has no name for it
		return 0, fmt.Errorf("%w: %w", outcome.ConfigurationChanged, err)
	default:
		return 0, groupcommit.Translate(err)
	}
}

// settled fails while something has to follow from the last change.
func (ch *Changer) settled() error {
	if ch.cfg.Settled == nil {
		return nil
	}
	if err := ch.cfg.Settled(); err != nil {
		return fmt.Errorf("%w: %w", outcome.ChangeInProgress, err)
	}
	return nil
}

// awaitSettled waits until what has to follow from the last change is done.
func (ch *Changer) awaitSettled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		at := ch.cfg.Applied.Applied()
		err := ch.settled()
		if err == nil || ch.cfg.Applied.WaitApplied(ctx, at+1) != nil {
			return err
		}
	}
}

// server is a member as raft knows it.
func (ch *Changer) server(name identity.Identity) (raft.Server, bool) {
	latest, _ := ch.cfg.Members.Latest()
	i := slices.IndexFunc(latest.Servers, func(s raft.Server) bool { return s.ID == raft.ServerID(name) })
	if i < 0 {
		return raft.Server{}, false
	}
	return latest.Servers[i], true
}

// meet asks who is at an address; nil for nobody that could join.
func (ch *Changer) meet(ctx context.Context, addr string) *membership.Joiner {
	own := ch.cfg.Folder()
	r, err := ch.cfg.Inquire(ctx, addr, port.Inquiry{ID: own.Member, Instance: own.Instance, Cluster: own.Cluster})
	name, nameErr := identity.Parse(r.Name)
	if err != nil || nameErr != nil || !r.Serving {
		return nil
	}
	j := &membership.Joiner{Identity: name, Removed: ch.cfg.Barred(name)}
	switch r.Cluster {
	case "":
		j.Cluster = membership.Nowhere
	case own.Cluster:
		j.Cluster = membership.Ours
	default:
		j.Cluster = membership.Elsewhere
	}
	return j
}

// invite tells a member that is to be added which cluster is its own.
func (ch *Changer) invite(ctx context.Context, a membership.Action, joiner *membership.Joiner) error {
	if joiner == nil {
		return fmt.Errorf("%w: nobody answers at %s", outcome.MemberUnreachable, a.Addr)
	}
	own := ch.cfg.Folder()
	r, err := ch.cfg.Inquire(ctx, a.Addr, port.Inquiry{ID: own.Member, Instance: own.Instance, Cluster: own.Cluster, Invite: string(a.Member), Needs: ch.cfg.Release().Active})
	switch {
	case err == nil && r.Refused != "" && r.Knows < ch.cfg.Release().Active.Level:
		return fmt.Errorf("%w: %s", outcome.MemberTooOld, r.Refused)
	case err == nil && r.Refused != "":
		err = errors.New(r.Refused)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", outcome.MemberUnreachable, err)
	}
	return nil
}
