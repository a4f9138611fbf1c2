package cluster

import (
	"maps"
	"slices"

	"github.com/bpsc/bpsc/internal/identity"
)

// follow has all parts of the member go by a configuration.
func (m *Member) follow(c Configuration) {
	voting, where := c.Voters(), c.Addrs()
	votes := slices.Contains(voting, m.name)
	m.port.Follow(where)
	m.absences.Follow(where, voting)
	m.progress.Follow(voting)
	m.clocks.Follow(slices.DeleteFunc(voting, func(id string) bool { return id == m.name }), votes)
	delete(where, m.name)
	m.gatherer.Follow(slices.Sorted(maps.Keys(where)))
}

// others are the identities of the other members.
func (m *Member) others() []string {
	where := m.roster.Latest().Addrs()
	delete(where, m.name)
	return slices.Sorted(maps.Keys(where))
}

// forget drops what is remembered of those that were removed by a final configuration,
// unless a later one is known already. Others that it has not got may have been added since.
func (m *Member) forget(c Configuration) {
	if m.roster.Latest().Index != c.Index {
		return
	}
	m.port.Dismiss()
	m.store.memory.Forget(func(id string) bool {
		_, member := c.Member(id)
		return !member && m.isBarred(identity.Identity(id))
	})
}
