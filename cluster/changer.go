package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/port"
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

// forReplacement is a state from which a replacement is planned that is open itself.
func forReplacement(s membership.State) membership.State {
	for name, seen := range s.Seen {
		seen.Replacing = false
		s.Seen[name] = seen
	}
	return s
}

// replace looks for the member that is to replace another until ctx ends, and adds it.
// The rest is the promoter's, here or on the next leader. Whoever waits for the same one
// is told the same.
func (ch *changer) replace(ctx context.Context, c Change, s membership.State) (Changed, error) {
	old := s.Members[slices.IndexFunc(s.Members, func(m membership.Member) bool { return m.ID == c.ID })]
	if c.Addr == "" {
		c.Addr = old.Addr
	}
	steps, err := membership.Plan(s, c)
	if err != nil {
		return Changed{}, err
	}
	for {
		ch.search(c.ID)
		if now := ch.state(); len(now.Members) > len(s.Members) && hasTwo(now, c.ID) {
			return Changed{Index: now.Index, Steps: steps}, nil // another one has found it
		}
		if joiner := ch.meet(ctx, c.Addr); joiner != nil {
			s = forReplacement(ch.state())
			s.Joiner = joiner
			if steps, err = membership.Plan(s, c); err != nil {
				return Changed{}, err
			}
			changed, err := ch.execute(ctx, s, steps)
			if err == nil {
				ch.searched(c.ID)
			}
			return changed, err
		}
		select {
		case <-time.After(searchPeriod):
		case <-ctx.Done():
			return Changed{}, fmt.Errorf("%w: nobody with an empty data folder and the id %s came to %s: %w", outcome.MemberUnreachable, c.ID, c.Addr, ctx.Err())
		}
		if !ch.leads() {
			return Changed{}, fmt.Errorf("%w: this member leads no more", outcome.NoLeader)
		}
	}
}

// hasTwo tells whether a member and its replacement are there.
func hasTwo(s membership.State, id string) bool {
	named := 0
	for _, m := range s.Members {
		if m.ID == id {
			named++
		}
	}
	return named > 1
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

// do takes one step, for the configuration of that index. It returns the next index.
func (ch *changer) do(ctx context.Context, index uint64, a membership.Action, joiner *membership.Joiner) (uint64, error) {
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
		to := address{hostPort: a.Addr, instance: a.Member.Instance(), stays: a.Stays}.encode()
		return ch.set(ctx, func() raft.IndexFuture { return ch.raft.AddNonvoter(id, to, index, raftTimeout) })
	case membership.Readdress:
		to := parseAddress(at.Address)
		to.hostPort = a.Addr
		return ch.readdress(ctx, index, at, to)
	case membership.MakeVoter:
		if err := ch.settled(); err != nil {
			return 0, err
		}
		to := parseAddress(at.Address)
		to.stays = false
		return ch.set(ctx, func() raft.IndexFuture { return ch.raft.AddVoter(id, to.encode(), index, raftTimeout) })
	case membership.MakeNonVoter:
		return ch.unseat(ctx, index, at)
	case membership.RemoveMember:
		if at.Suffrage == raft.Voter {
			var err error
			if index, err = ch.unseat(ctx, index, at); err != nil {
				return 0, err
			}
			if err := ch.awaitSettled(ctx); err != nil {
				return 0, err
			}
		}
		return ch.set(ctx, func() raft.IndexFuture { return ch.raft.RemoveServer(id, index, raftTimeout) })
	case membership.TransferLeading:
		return index, ch.transfer(ctx, at)
	}
	return 0, fmt.Errorf("cluster: no step of the kind %d", a.Op)
}

// readdress gives a member another address, or another remark in it.
func (ch *changer) readdress(ctx context.Context, index uint64, at raft.Server, to address) (uint64, error) {
	return ch.set(ctx, func() raft.IndexFuture {
		if at.Suffrage == raft.Voter {
			return ch.raft.AddVoter(at.ID, to.encode(), index, raftTimeout)
		}
		return ch.raft.AddNonvoter(at.ID, to.encode(), index, raftTimeout)
	})
}

// unseat makes a non-voter of a voter, for good. First it says that it stays one, lest
// the promoter of another leader make it a voter again.
func (ch *changer) unseat(ctx context.Context, index uint64, at raft.Server) (uint64, error) {
	if err := ch.settled(); err != nil {
		return 0, err
	}
	to := parseAddress(at.Address)
	if !to.stays {
		to.stays = true
		var err error
		if index, err = ch.readdress(ctx, index, at, to); err != nil || at.Suffrage != raft.Voter {
			return index, err
		}
	}
	return ch.set(ctx, func() raft.IndexFuture { return ch.raft.DemoteVoter(at.ID, index, raftTimeout) })
}

// set changes raft's configuration and returns the index of the new one.
func (ch *changer) set(ctx context.Context, change func() raft.IndexFuture) (uint64, error) {
	if !ch.leads() {
		return 0, fmt.Errorf("%w: this member leads no more", outcome.NoLeader)
	}
	future := change()
	switch err := await(ctx, future); {
	case err == nil:
		return future.Index(), nil
	case strings.Contains(err.Error(), "configuration changed since"): // raft has no name for it
		return 0, fmt.Errorf("%w: %w", outcome.ConfigurationChanged, err)
	default:
		return 0, translate(err)
	}
}

// settled fails while something has to follow from the last change.
func (ch *changer) settled() error {
	if ch.cfg.Settled == nil {
		return nil
	}
	if err := ch.cfg.Settled(); err != nil {
		return fmt.Errorf("%w: %w", outcome.ChangeInProgress, err)
	}
	return nil
}

// awaitSettled waits until what has to follow from the last change is done.
func (ch *changer) awaitSettled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		at := ch.replica.applied.get()
		err := ch.settled()
		if err == nil || ch.replica.applied.wait(ctx, at+1) != nil {
			return err
		}
	}
}

// server is a member as raft knows it.
func (ch *changer) server(name identity.Identity) (raft.Server, bool) {
	latest, _ := ch.store.members.Latest()
	i := slices.IndexFunc(latest.Servers, func(s raft.Server) bool { return s.ID == raft.ServerID(name) })
	if i < 0 {
		return raft.Server{}, false
	}
	return latest.Servers[i], true
}

// meet asks who is at an address; nil for nobody that could join.
func (ch *changer) meet(ctx context.Context, addr string) *membership.Joiner {
	own := ch.store.dir.Identity()
	r, err := ch.port.Inquire(ctx, addr, port.Inquiry{ID: own.Member, Instance: own.Instance, Cluster: own.Cluster})
	name, nameErr := identity.Parse(r.Name)
	if err != nil || nameErr != nil || !r.Serving {
		return nil
	}
	j := &membership.Joiner{Identity: name, Removed: ch.cfg.Removed != nil && ch.cfg.Removed(name)}
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
func (ch *changer) invite(ctx context.Context, a membership.Action, joiner *membership.Joiner) error {
	if joiner == nil {
		return fmt.Errorf("%w: nobody answers at %s", outcome.MemberUnreachable, a.Addr)
	}
	own := ch.store.dir.Identity()
	r, err := ch.port.Inquire(ctx, a.Addr, port.Inquiry{ID: own.Member, Instance: own.Instance, Cluster: own.Cluster, Invite: string(a.Member), Needs: ch.about().Active})
	switch {
	case err == nil && r.Refused != "" && r.Knows < ch.about().Active.Level:
		return fmt.Errorf("%w: %s", outcome.MemberTooOld, r.Refused)
	case err == nil && r.Refused != "":
		err = errors.New(r.Refused)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", outcome.MemberUnreachable, err)
	}
	return nil
}

// state is what a plan is made from.
func (ch *changer) state() membership.State {
	latest, _ := ch.store.members.Latest()
	s := membership.State{
		Configuration: configurationOf(latest),
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
			seen.Reachable, seen.Lag = ch.gatherer.lag(string(name))
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

// search notes that a replacement is looked for, and for a while longer: whoever asks
// for it may ask again, and a process that starts in between should find it open.
func (ch *changer) search(id string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.searching[id] = time.Now().Add(searchGrace)
}

func (ch *changer) searched(id string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	delete(ch.searching, id)
}

// searches are the members for which this one looks for a replacement.
func (ch *changer) searches() (ids []string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	maps.DeleteFunc(ch.searching, func(_ string, until time.Time) bool { return time.Now().After(until) })
	return slices.Sorted(maps.Keys(ch.searching))
}

// waits says, where this member leads, what each member waits for that is to become a
// voter. It is not to be modified.
func (ch *changer) waits() map[string]string {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.waiting
}

// isReplacing tells whether a replacement of a member is looked for, here or by another
// member that has said so.
func (ch *changer) isReplacing(id string) bool {
	return slices.Contains(ch.searches(), id) || ch.gatherer.searches(id)
}
