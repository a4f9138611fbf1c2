package membership

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// plan is a list of steps, and the state after the last. It owns both.
type plan struct {
	state State
	steps []Step
}

// newPlan begins with how things are.
func newPlan(s State) *plan {
	s.Members, s.Seen = slices.Clone(s.Members), maps.Clone(s.Seen)
	p := &plan{state: s}
	p.step("now", Action{})
	return p
}

func (p *plan) last() Step { return p.steps[len(p.steps)-1] }

// step adds what is true once p.state is.
func (p *plan) step(what string, a Action) {
	step := Step{What: what, Voters: []string{}, Action: a}
	for _, m := range p.state.Members {
		if !m.Voter {
			continue
		}
		step.Voters = append(step.Voters, string(m.Identity()))
		if p.state.Seen[m.Identity()].Reachable {
			step.Reachable++
		}
	}
	step.Quorum = len(step.Voters)/2 + 1
	step.CanLose = max(step.Reachable-step.Quorum, 0)
	p.steps = append(p.steps, step)
}

// refuseLost fails when the last step leaves no majority.
func (p *plan) refuseLost() error {
	switch last := p.last(); {
	case len(last.Voters) == 0:
		return fmt.Errorf("%w: it is the last voter", outcome.QuorumAtRisk)
	case last.Reachable < last.Quorum && len(p.steps) == 1:
		return fmt.Errorf("%w: %d of %d voters can be reached now, and %d make a majority",
			outcome.QuorumAtRisk, last.Reachable, len(last.Voters), last.Quorum)
	case last.Reachable < last.Quorum:
		return fmt.Errorf("%w: of the voters that remain, %s, %d could be reached, and %d make a majority",
			outcome.QuorumAtRisk, strings.Join(last.Voters, " and "), last.Reachable, last.Quorum)
	}
	return nil
}

// those are the members that a change is about: all with its id, or the one with
// its instance.
func (p *plan) those(c Change) ([]int, error) {
	there := p.state.named(c.ID)
	if len(there) == 0 {
		return nil, fmt.Errorf("%w: there is no member %s", outcome.MemberUnknown, c.ID)
	}
	if c.Instance != "" {
		there = slices.DeleteFunc(there, func(i int) bool { return p.state.Members[i].Instance != c.Instance })
	}
	if len(there) == 0 {
		return nil, fmt.Errorf("%w: the member %s is another instance", outcome.MemberUnknown, c.ID)
	}
	return there, nil
}

// one is the member that a change is about, while nothing else goes on with it.
func (p *plan) one(c Change) (int, error) {
	there, err := p.those(c)
	if err != nil {
		return 0, err
	}
	if len(p.state.named(c.ID)) > 1 || p.state.Seen[p.state.Members[there[0]].Identity()].Replacing {
		return 0, fmt.Errorf("%w: %s is being replaced", outcome.ChangeInProgress, c.ID)
	}
	return there[0], nil
}

// join adds a non-voter, and says where it stands.
func (p *plan) join(as identity.Identity, addr string, stays bool) (at int, err error) {
	if len(p.state.Members) >= MaxMembers {
		return 0, fmt.Errorf("%w: it has %d members, and more are not supported", outcome.ClusterFull, len(p.state.Members))
	}
	p.state.Members = append(p.state.Members, Member{ID: as.ID(), Instance: as.Instance(), Addr: addr, Stays: stays})
	p.setReachable(as)
	what := "joins as a non-voter"
	if stays {
		what += ", and stays one"
	}
	p.step(fmt.Sprintf("%s at %s %s", as.ID(), addr, what), Action{Op: AddMember, Member: as, Addr: addr, Stays: stays})
	return len(p.state.Members) - 1, nil
}

func (p *plan) setReachable(who identity.Identity) {
	seen := p.state.Seen[who]
	seen.Reachable = true
	p.state.Seen[who] = seen
}

// makeVoter promotes a member.
func (p *plan) makeVoter(at int, later bool) error {
	m := &p.state.Members[at]
	m.Voter, m.Stays = true, false
	what := "is a voter"
	if later {
		what = "has caught up and is a voter"
	}
	p.step(m.ID+" "+what, Action{Op: MakeVoter, Member: m.Identity(), Later: later})
	return p.refuseLost()
}

// drop removes a member. later is for the old instance of one that was replaced.
func (p *plan) drop(at int, later bool) error {
	if err := p.unseat(at, later); err != nil {
		return err
	}
	m := p.state.Members[at]
	p.state.Members = slices.Delete(p.state.Members, at, at+1)
	what := m.ID
	if later {
		what = "the old " + what
	}
	p.step(what+" is removed, and never comes back", Action{Op: RemoveMember, Member: m.Identity(), Later: later})
	return p.refuseLost()
}

// unseat has another member lead if this one does.
func (p *plan) unseat(at int, later bool) error {
	m := p.state.Members[at]
	if m.Identity() != p.state.Leader {
		return nil
	}
	if len(p.last().Voters) == 1 {
		return fmt.Errorf("%w: %s is the last voter", outcome.QuorumAtRisk, m.ID)
	}
	return p.handOver(later)
}

// handOver has the best of the others lead.
func (p *plan) handOver(later bool) error {
	heir, found := p.state.heir()
	if !found {
		return fmt.Errorf("%w: no other voter can be reached", outcome.NoTransferTarget)
	}
	p.lead(heir, later)
	return nil
}

// lead has a member lead.
func (p *plan) lead(at int, later bool) {
	m := p.state.Members[at]
	p.state.Leader = m.Identity()
	p.step(m.ID+" leads", Action{Op: TransferLeading, Member: m.Identity(), Later: later})
}
