package fsm

import (
	"slices"

	"github.com/bpsc/bpsc/internal/identity"
)

// people are all that may ever be members: two of them under the id of another.
var people = []string{"n1", "n2", "n3", "n3~0123456789abcdef0123456789abcdef", "n1~ffffffffffffffffffffffffffffffff", "n4~00000000000000000000000000000000"}

// membership is what a cluster's members come to, as one would write it down by hand.
type membership struct {
	was, voter, barred, keyed map[string]bool
	configured                bool
	policies                  [][]string
	ends                      []map[string]uint64 // by token, of the policies
	recovery                  bool                // the next policy is one after a recovery
}

func newMembership() *membership {
	return &membership{was: map[string]bool{}, voter: map[string]bool{}, barred: map[string]bool{}, keyed: map[string]bool{}}
}

func (m *membership) configure(lengths map[string]uint64, voters, others []string) {
	for who := range m.was {
		if !slices.Contains(voters, who) && !slices.Contains(others, who) {
			m.barred[who] = true
		}
	}
	for _, who := range people {
		m.was[who] = m.was[who] || slices.Contains(voters, who) || slices.Contains(others, who)
		m.voter[who] = slices.Contains(voters, who) && !m.barred[who]
		if !m.was[who] {
			delete(m.was, who)
		}
	}
	m.configured = true
	m.settle(lengths)
}

// settle begins a policy where one is due.
func (m *membership) settle(lengths map[string]uint64) {
	var members []string
	ids := map[string]bool{}
	for _, who := range slices.Sorted(slices.Values(people)) {
		if !m.voter[who] {
			continue
		}
		if id := identity.Identity(who).ID(); !m.keyed[who] || ids[id] {
			return
		}
		ids[identity.Identity(who).ID()] = true
		members = append(members, who)
	}
	n := len(m.policies)
	if len(members) == 0 || n > 0 && !m.recovery && slices.Equal(m.policies[n-1], members) {
		return
	}
	m.recovery = false
	ends := map[string]uint64{}
	for token, length := range lengths {
		if n > 0 {
			ends[token] = length
		}
	}
	m.policies, m.ends = append(m.policies, members), append(m.ends, ends)
}

// judge is the number of the policy for a size, 0 if there is none.
func (m *membership) judge(token string, size uint64) int {
	for n := len(m.policies); n > 0; n-- {
		if n == 1 || size > m.ends[n-1][token] {
			return n
		}
	}
	return 0
}

func (m *membership) mayAttest(who, token string, size, length uint64) bool {
	if size < 1 || size > length || m.barred[who] || !m.keyed[who] {
		return false
	}
	if n := m.judge(token, size); n > 0 {
		return slices.Contains(m.policies[n-1], who)
	}
	return !m.configured || m.voter[who]
}
