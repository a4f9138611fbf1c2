package membership

import (
	"fmt"

	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// MaxMembers is how many members a cluster has at most, a member and what replaces it
// among them: each sends its log to all others, and a majority answers.
const MaxMembers = 9

// unknown stands for the instance of a folder that nobody has started on yet.
const unknown = "new"

// Plan says what a change does, step by step, or wraps the outcome.Code of why it is
// refused. It is for a leader, who alone knows who is reachable.
func Plan(s State, c Change) ([]Step, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case c.At != 0 && c.At != s.Index:
		return nil, fmt.Errorf("%w: the configuration is that of entry %d now, and not of %d", outcome.ConfigurationChanged, s.Index, c.At)
	case s.Changing:
		return nil, fmt.Errorf("%w: the configuration of entry %d is not committed yet", outcome.ChangeInProgress, s.Index)
	case s.find(s.Leader) < 0:
		return nil, fmt.Errorf("%w: nobody leads", outcome.NoLeader)
	}
	p := newPlan(s)
	if err := p.refuseLost(); err != nil {
		return nil, err
	}
	var err error
	switch c.Kind {
	case Add:
		err = p.add(c)
	case Replace:
		err = p.replace(c)
	case Promote:
		err = p.promote(c)
	case Demote:
		err = p.demote(c)
	case Remove:
		err = p.remove(c)
	case TransferLeader:
		err = p.transfer(c)
	}
	if err != nil {
		return nil, err
	}
	if voters := p.last().Voters; len(voters) == 2 && len(p.steps[0].Voters) != 2 && !c.TwoVoters {
		return nil, fmt.Errorf("%w: the voters would be %v, and when either fails nothing is written any more", outcome.TwoVoters, voters)
	}
	return p.steps, nil
}

// add lets a member in, or notes that one has moved.
func (p *plan) add(c Change) error {
	there := p.state.named(c.ID)
	joiner := p.state.Joiner
	switch {
	case len(there) > 1:
		return fmt.Errorf("%w: %s is being replaced", outcome.ChangeInProgress, c.ID)
	case len(there) == 1 && joiner != nil && joiner.Identity == p.state.Members[there[0]].Identity() && joiner.Cluster == Ours:
		return p.readdress(there[0], c)
	case len(there) == 1:
		return p.refuseKnown(p.state.Members[there[0]])
	}
	if err := p.refuseJoiner(c.ID, c.Addr); err != nil {
		return err
	}
	at, err := p.join(joiner.Identity, c.Addr, c.NonVoter)
	if err != nil || c.NonVoter {
		return err
	}
	return p.makeVoter(at, true)
}

// refuseKnown refuses to add a member that is there.
func (p *plan) refuseKnown(m Member) error {
	if !m.Voter && !m.Stays {
		return fmt.Errorf("%w: %s was added and becomes a voter when it has caught up", outcome.ChangeInProgress, m.ID)
	}
	return fmt.Errorf("%w: %s is a member at %s; what has lost its disk is replaced, not added", outcome.MemberExists, m.ID, m.Addr)
}

// readdress notes that a member is found at another address.
func (p *plan) readdress(at int, c Change) error {
	m := &p.state.Members[at]
	if m.Addr == c.Addr {
		return p.refuseKnown(*m)
	}
	m.Addr = c.Addr
	p.setReachable(m.Identity())
	p.step(fmt.Sprintf("%s is reached at %s from now on", c.ID, c.Addr), Action{Op: Readdress, Member: m.Identity(), Addr: c.Addr})
	return p.refuseLost()
}

// refuseJoiner refuses what answers at an address, or that nothing does, when an
// empty folder with that id is to join. One that has joined already, by an attempt
// that was cut off, is as good as empty.
func (p *plan) refuseJoiner(id, addr string) error {
	j := p.state.Joiner
	switch {
	case j == nil:
		return fmt.Errorf("%w: no member answers at %s; start it there: bpsc server --id %s --join", outcome.MemberUnreachable, addr, id)
	case j.Removed:
		return fmt.Errorf("%w: %s was removed and never comes back; start it with an empty folder", outcome.MemberRemoved, j.Identity)
	case j.Cluster == Elsewhere:
		return fmt.Errorf("%w: %s at %s", outcome.OtherCluster, j.Identity.ID(), addr)
	case j.Identity.ID() != id:
		return fmt.Errorf("%w: %s is at %s, and not %s", outcome.MemberNotEmpty, j.Identity.ID(), addr, id)
	}
	if p.state.find(j.Identity) >= 0 {
		return fmt.Errorf("%w: %s at %s has its data still", outcome.MemberNotEmpty, id, addr)
	}
	return nil
}

// replace lets in another instance of a member, and removes the one that is there
// when the new one has taken its place.
func (p *plan) replace(c Change) error {
	old, err := p.one(c)
	if err != nil {
		return err
	}
	m := p.state.Members[old]
	addr := c.Addr
	if addr == "" {
		addr = m.Addr
	}
	next := identity.New(c.ID, unknown)
	if p.state.Joiner != nil {
		if err := p.refuseJoiner(c.ID, addr); err != nil {
			return err
		}
		next = p.state.Joiner.Identity
	}
	at, err := p.join(next, addr, m.Stays)
	if err != nil {
		return err
	}
	if m.Voter {
		if err := p.makeVoter(at, true); err != nil {
			return err
		}
	}
	return p.drop(old, true)
}

// promote makes a voter of a non-voter that has caught up.
func (p *plan) promote(c Change) error {
	at, err := p.one(c)
	if err != nil {
		return err
	}
	m := p.state.Members[at]
	switch seen := p.state.Seen[m.Identity()]; {
	case m.Voter:
		return fmt.Errorf("%w: %s votes already", outcome.AlreadyVoter, c.ID)
	case !seen.Reachable:
		return fmt.Errorf("%w: %s does not answer at %s", outcome.MemberUnreachable, c.ID, m.Addr)
	case seen.Lag > p.state.PromoteLag:
		return fmt.Errorf("%w: %s lags %d entries, and at most %d are allowed", outcome.NotCaughtUp, c.ID, seen.Lag, p.state.PromoteLag)
	case !seen.MayVote:
		return fmt.Errorf("%w: %s has not announced the key yet by which it signs", outcome.NotCaughtUp, c.ID)
	}
	return p.makeVoter(at, false)
}

// demote makes a non-voter of a member, for good.
func (p *plan) demote(c Change) error {
	at, err := p.one(c)
	if err != nil {
		return err
	}
	m := &p.state.Members[at]
	if m.Stays {
		return fmt.Errorf("%w: %s is a non-voter", outcome.NotAVoter, c.ID)
	}
	if err := p.unseat(at, false); err != nil {
		return err
	}
	m.Voter, m.Stays = false, true
	p.step(fmt.Sprintf("%s is a non-voter from now on, and stays one", c.ID), Action{Op: MakeNonVoter, Member: m.Identity()})
	return p.refuseLost()
}

// remove bars a member, or both of its instances while it is being replaced, the
// newer one first.
func (p *plan) remove(c Change) error {
	there, err := p.those(c)
	if err != nil {
		return err
	}
	for i := len(there) - 1; i >= 0; i-- {
		if err := p.drop(there[i], false); err != nil {
			return err
		}
	}
	return nil
}

// transfer has another voter lead.
func (p *plan) transfer(c Change) error {
	if c.ID == "" {
		return p.handOver(false)
	}
	there, err := p.those(c)
	if err != nil {
		return err
	}
	at := there[len(there)-1] // the newest instance
	switch m := p.state.Members[at]; {
	case !m.Voter:
		return fmt.Errorf("%w: %s is a non-voter", outcome.NotAVoter, c.ID)
	case m.Identity() == p.state.Leader:
		p.steps[0].What = fmt.Sprintf("%s leads already", c.ID)
		return nil
	case !p.state.Seen[m.Identity()].Reachable:
		return fmt.Errorf("%w: %s does not answer at %s", outcome.MemberUnreachable, c.ID, m.Addr)
	}
	p.lead(at, false)
	return nil
}
