package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// changer changes who the members are, where this member leads. What happens, and
// whether it may, is planned in package membership; each step is compared-and-set on
// the configuration that the plan was made for.
//
// The methods may be called from anywhere. under holds the token of whoever changes
// something; mu guards the rest. The promoter alone writes caught and waiting.
type changer struct {
	*Member
	under chan struct{}

	mu        sync.Mutex
	searching map[string]time.Time // by id of a member, until when a replacement of it is looked for
	waiting   map[string]string    // see waits; replaced as a whole
	caught    map[string]time.Time // since when a non-voter lags little, by identity
}

func newChanger(m *Member) *changer {
	return &changer{Member: m, under: make(chan struct{}, 1), searching: map[string]time.Time{}, caught: map[string]time.Time{}}
}

// change makes a change, or says what it would do.
func (ch *changer) change(ctx context.Context, c Change) (Changed, error) {
	if !ch.IsLeader() {
		return Changed{}, fmt.Errorf("%w: the member asked does not lead", outcome.NoLeader)
	}
	s := ch.state()
	switch c.Kind {
	case membership.Add:
		s.Joiner = ch.meet(ctx, c.Addr)
	case membership.Replace:
		s = forReplacement(s) // who asks again waits with those that do
	}
	steps, err := membership.Plan(s, c)
	if err != nil || c.DryRun {
		return Changed{Index: s.Index, Steps: steps}, err
	}
	if c.Kind == membership.Replace {
		return ch.replace(ctx, c, s)
	}
	return ch.execute(ctx, s, steps)
}

// execute takes the steps of a plan that are not for later.
func (ch *changer) execute(ctx context.Context, s membership.State, steps []Step) (Changed, error) {
	select {
	case ch.under <- struct{}{}:
		defer func() { <-ch.under }()
	default:
		return Changed{}, fmt.Errorf("%w: this one can be asked for again afterwards", outcome.ChangeInProgress)
	}
	index := s.Index
	for i, step := range steps {
		if step.Action.Later || step.Action.Op == membership.Nothing {
			continue
		}
		var err error
		if index, err = ch.do(ctx, index, step.Action, s.Joiner); err != nil {
			return Changed{}, err
		}
		if step.Action.Op == membership.TransferLeading && i < len(steps)-1 {
			return Changed{}, errMadeWay
		}
	}
	ch.log.Info("the members were changed", "index", index, "last", steps[len(steps)-1].What)
	return Changed{Index: index, Steps: steps}, nil
}

// state is what a plan is made from.
func (ch *changer) state() membership.State {
	latest, _ := ch.store.members.Latest()
	s := membership.State{
		Configuration: roster.ConfigurationOf(latest),
		Changing:      latest.Index > ch.raft.CommitIndex(),
		Seen:          map[identity.Identity]membership.Seen{},
		PromoteLag:    ch.cfg.PromoteLag,
		PromoteAfter:  ch.cfg.PromoteAfter,
	}
	if ch.leads() {
		s.Leader = identity.Identity(ch.name)
	}
	for _, m := range s.Members {
		name := m.Identity()
		seen := membership.Seen{
			Reachable: string(name) == ch.name,
			MayVote:   ch.cfg.MayVote == nil || ch.cfg.MayVote(name),
			Replacing: ch.isReplacing(m.ID),
		}
		if !seen.Reachable {
			seen.Reachable, seen.Lag = ch.gatherer.Lag(string(name))
		}
		ch.mu.Lock()
		if since, ok := ch.caught[string(name)]; ok {
			seen.CaughtUp = time.Since(since)
		}
		ch.mu.Unlock()
		s.Seen[name] = seen
	}
	return s
}

// leads tells whether raft has this member lead, be it that it makes way.
func (ch *changer) leads() bool { return ch.raft.State() == raft.Leader }

// waits says, where this member leads, what each member waits for that is to become a
// voter. It is not to be modified.
func (ch *changer) waits() map[string]string {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.waiting
}
