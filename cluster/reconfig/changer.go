// Package reconfig changes who the members are, on the leader. What happens, and whether it
// may, package membership plans; here the steps are taken, one after the other, each only where
// nobody has changed anything since.
package reconfig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/release"
)

// Changer changes who the members are, where this member leads. Each step is
// compared-and-set on the configuration that the plan was made for.
//
// The methods may be called from anywhere. under holds the token of whoever changes
// something; mu guards the rest. Promote alone writes caught and waiting.
type Changer struct {
	cfg   Config
	under chan struct{}

	mu        sync.Mutex
	searching map[string]time.Time // by id of a member, until when a replacement of it is looked for
	waiting   map[string]string    // see Waits; replaced as a whole
	caught    map[string]time.Time // since when a non-voter lags little, by identity
}

// Config is what a Changer stands on, and what it goes by.
type Config struct {
	Self     string // identity of this member
	Raft     Raft
	Members  *raftlog.Configurations
	Latest   func() membership.Configuration // that all parts of this member go by
	Gatherer *status.Gatherer
	Applied  Applied
	Log      *slog.Logger

	// Folder is whose data folder this member's is.
	Folder func() datadir.Identity
	// Inquire asks who is at an address.
	Inquire func(ctx context.Context, addr string, q port.Inquiry) (port.Reply, error)
	// Leads tells whether this member leads, and may go on.
	Leads func() bool
	// Transfer hands leadership to another member.
	Transfer func(ctx context.Context, to raft.Server) error
	// Barred tells whether an identity was removed, and is no member any more for ever.
	Barred func(identity.Identity) bool
	// Release is what this member tells about its version and its levels.
	Release func() release.Standing

	// MayVote tells whether the state has all that a voter of that identity needs; nil: it has.
	MayVote func(identity.Identity) bool
	// Settled says what has to follow from the last change before the next one; nil: nothing.
	Settled func() error

	// A member that was added has caught up once it has been within so many entries of the
	// leader's log for so long.
	PromoteLag   uint64
	PromoteAfter time.Duration
}

// Raft is raft, as far as its configuration is concerned.
type Raft interface {
	State() raft.RaftState
	CommitIndex() uint64
	AddVoter(id raft.ServerID, at raft.ServerAddress, index uint64, timeout time.Duration) raft.IndexFuture
	AddNonvoter(id raft.ServerID, at raft.ServerAddress, index uint64, timeout time.Duration) raft.IndexFuture
	DemoteVoter(id raft.ServerID, index uint64, timeout time.Duration) raft.IndexFuture
	RemoveServer(id raft.ServerID, index uint64, timeout time.Duration) raft.IndexFuture
}

// Applied is how far the state machine is.
type Applied interface {
	Applied() uint64
	WaitApplied(ctx context.Context, index uint64) error
}

// New is one that does nothing by itself until it promotes.
func New(cfg Config) *Changer {
	return &Changer{cfg: cfg, under: make(chan struct{}, 1), searching: map[string]time.Time{}, caught: map[string]time.Time{}}
}

// Change makes a change, or says what it would do.
func (ch *Changer) Change(ctx context.Context, c membership.Change) (membership.Changed, error) {
	if !ch.cfg.Leads() {
		return membership.Changed{}, fmt.Errorf("%w: the member asked does not lead", outcome.NoLeader)
	}
	s := ch.State()
	switch c.Kind {
	case membership.Add:
		s.Joiner = ch.meet(ctx, c.Addr)
	case membership.Replace:
		s = forReplacement(s) // who asks again waits with those that do
	}
	steps, err := membership.Plan(s, c)
	if err != nil || c.DryRun {
		return membership.Changed{Index: s.Index, Steps: steps}, err
	}
	if c.Kind == membership.Replace {
		return ch.replace(ctx, c, s)
	}
	return ch.execute(ctx, s, steps)
}

// execute takes the steps of a plan that are not for later.
func (ch *Changer) execute(ctx context.Context, s membership.State, steps []membership.Step) (membership.Changed, error) {
	select {
	case ch.under <- struct{}{}:
		defer func() { <-ch.under }()
	default:
		return membership.Changed{}, fmt.Errorf("%w: this one can be asked for again afterwards", outcome.ChangeInProgress)
	}
	index := s.Index
	for i, step := range steps {
		if step.Action.Later || step.Action.Op == membership.Nothing {
			continue
		}
		var err error
		if index, err = ch.do(ctx, index, step.Action, s.Joiner); err != nil {
			return membership.Changed{}, err
		}
		if step.Action.Op == membership.TransferLeading && i < len(steps)-1 {
			return membership.Changed{}, ErrMadeWay
		}
	}
	ch.cfg.Log.Info("the members were changed", "index", index, "last", steps[len(steps)-1].What)
	return membership.Changed{Index: index, Steps: steps}, nil
}

// State is what a plan is made from.
func (ch *Changer) State() membership.State {
	latest, _ := ch.cfg.Members.Latest()
	s := membership.State{
		Configuration: roster.ConfigurationOf(latest),
		Changing:      latest.Index > ch.cfg.Raft.CommitIndex(),
		Seen:          map[identity.Identity]membership.Seen{},
		PromoteLag:    ch.cfg.PromoteLag,
		PromoteAfter:  ch.cfg.PromoteAfter,
	}
	if ch.leads() {
		s.Leader = identity.Identity(ch.cfg.Self)
	}
	for _, m := range s.Members {
		name := m.Identity()
		seen := membership.Seen{
			Reachable: string(name) == ch.cfg.Self,
			MayVote:   ch.cfg.MayVote == nil || ch.cfg.MayVote(name),
			Replacing: ch.IsReplacing(m.ID),
		}
		if !seen.Reachable {
			seen.Reachable, seen.Lag = ch.cfg.Gatherer.Lag(string(name))
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
func (ch *Changer) leads() bool { return ch.cfg.Raft.State() == raft.Leader }

// Waits says, where this member leads, what each member waits for that is to become a
// voter. It is not to be modified.
func (ch *Changer) Waits() map[string]string {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.waiting
}

// ErrMadeWay: this member led, and another one has to go on with the change.
var ErrMadeWay = errors.New("another member leads now and has to go on")
