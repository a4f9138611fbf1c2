package cluster

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/internal/identity"
)

// roster is who the members are, by the last configuration in the log, and has the other
// parts of this member go by it. raft, too, goes by the last one, be it committed or not.
//
// One goroutine runs it and owns the fields below the line; mu guards now.
type roster struct {
	self     string // identity
	found    *raftlog.Configurations
	final    chan struct{}                         // token: one was applied
	applied  func() uint64                         // the last entry that was
	changed  func(c Configuration)                 // there is another one
	settled  func(c Configuration)                 // this one is final
	differs  func(before, now Configuration)       // another one is final than before
	expelled func(last Configuration)              // this member is not in it any more, for good
	removed  func(identity identity.Identity) bool // says the state; nil for nobody

	mu  sync.Mutex
	now Configuration

	// ---
	member bool          // in a configuration that was final
	was    Configuration // that was final last
}

// latest is who the members are.
func (r *roster) latest() Configuration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// run follows the log until ctx ends.
func (r *roster) run(ctx context.Context) {
	for {
		r.look()
		select {
		case <-ctx.Done():
			return
		case <-r.found.Changed:
		case <-r.final:
		}
	}
}

// look takes what the log says now.
func (r *roster) look() {
	if latest, ok := r.found.Latest(); ok {
		c := configurationOf(latest)
		r.mu.Lock()
		same := c.Index == r.now.Index && slices.Equal(c.Members, r.now.Members)
		r.now = c
		r.mu.Unlock()
		if !same {
			r.changed(c)
		}
	}
	applied, ok := r.found.At(r.applied())
	if !ok {
		return
	}
	c := configurationOf(applied)
	r.settled(c)
	if r.was.Index > 0 && r.was.Index != c.Index {
		r.differs(r.was, c)
	}
	r.was = c
	_, is := find(c, r.self)
	was := r.member
	r.member = is
	// One that is being fed meets configurations from before it was added.
	if !is && (was || r.removed != nil && r.removed(identity.Identity(r.self))) {
		r.expelled(c)
	}
}

// follow has all parts of the member go by a configuration.
func (m *Member) follow(c Configuration) {
	voting, where := voters(c), addrs(c)
	votes := slices.Contains(voting, m.name)
	m.port.Follow(where)
	m.absences.Follow(where, voting)
	m.progress.Follow(voting)
	m.clocks.Follow(slices.DeleteFunc(voting, func(id string) bool { return id == m.name }), votes)
	delete(where, m.name)
	m.gatherer.follow(slices.Sorted(maps.Keys(where)))
}

// others are the identities of the other members.
func (m *Member) others() []string {
	where := addrs(m.roster.latest())
	delete(where, m.name)
	return slices.Sorted(maps.Keys(where))
}

// forget drops what is remembered of those that were removed by a final configuration,
// unless a later one is known already. Others that it has not got may have been added since.
func (m *Member) forget(c Configuration) {
	if m.roster.latest().Index != c.Index {
		return
	}
	m.port.Dismiss()
	m.store.memory.Forget(func(id string) bool {
		_, member := find(c, id)
		return !member && m.isBarred(identity.Identity(id))
	})
}
