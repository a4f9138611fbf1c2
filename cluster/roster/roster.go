// Package roster is who the members are. raft's configuration, in its log, is the only list of
// them that there is: here is how a member stands in it, how the list of founders becomes the
// first one, and the Roster, which has all else follow the last one.
package roster

import (
	"context"
	"slices"
	"sync"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/internal/identity"
)

// Roster is who the members are, by the last configuration in the log, and has the other
// parts of this member go by it. raft, too, goes by the last one, be it committed or not.
//
// One goroutine runs it and owns the fields below the line; mu guards now.
type Roster struct {
	cfg Config

	mu  sync.Mutex
	now membership.Configuration

	// ---
	member bool                     // in a configuration that was final
	was    membership.Configuration // that was final last
}

// Config is where a Roster finds who the members are, and whom it tells.
type Config struct {
	Self    string // identity of this member
	Found   *raftlog.Configurations
	Final   <-chan struct{} // token: one was applied
	Applied func() uint64   // the last entry that was

	Changed  func(c membership.Configuration)           // there is another one
	Settled  func(c membership.Configuration)           // this one is final
	Differs  func(before, now membership.Configuration) // another one is final than before
	Expelled func(last membership.Configuration)        // this member is not in it any more, for good
	Removed  func(identity identity.Identity) bool      // says the state; nil for nobody
}

// New is one that knows nobody until it has looked.
func New(cfg Config) *Roster { return &Roster{cfg: cfg} }

// Latest is who the members are.
func (r *Roster) Latest() membership.Configuration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// Run follows the log until ctx ends.
func (r *Roster) Run(ctx context.Context) {
	for {
		r.Look()
		select {
		case <-ctx.Done():
			return
		case <-r.cfg.Found.Changed:
		case <-r.cfg.Final:
		}
	}
}

// Look takes what the log says now.
func (r *Roster) Look() {
	if latest, ok := r.cfg.Found.Latest(); ok {
		c := ConfigurationOf(latest)
		r.mu.Lock()
		same := c.Index == r.now.Index && slices.Equal(c.Members, r.now.Members)
		r.now = c
		r.mu.Unlock()
		if !same {
			r.cfg.Changed(c)
		}
	}
	applied, ok := r.cfg.Found.At(r.cfg.Applied())
	if !ok {
		return
	}
	c := ConfigurationOf(applied)
	r.cfg.Settled(c)
	if r.was.Index > 0 && r.was.Index != c.Index {
		r.cfg.Differs(r.was, c)
	}
	r.was = c
	_, is := c.Member(r.cfg.Self)
	was := r.member
	r.member = is
	// One that is being fed meets configurations from before it was added.
	if !is && (was || r.cfg.Removed != nil && r.cfg.Removed(identity.Identity(r.cfg.Self))) {
		r.cfg.Expelled(c)
	}
}
