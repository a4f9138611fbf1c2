package cluster

import (
	"errors"
	"testing"

	"github.com/bpsc/bpsc/cluster/status"
)

// However often somebody asks for the status, the members do not talk more.
func TestReadersOfTheStatusShareIt(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	for i := range c.members {
		c.start(i)
	}
	leader := c.leader()
	for _, m := range c.members {
		waitFor(t, "everybody's status", func() bool {
			s := m.Status()
			for _, one := range s.Members {
				if one.Role == status.RoleUnreachable {
					return false
				}
			}
			return s.Leader == c.peers[leader].ID
		})
	}
	before := c.accepted[0].count()
	for range 1000 {
		for _, m := range c.members {
			m.Status()
		}
	}
	// raft may have opened a few of its own meanwhile.
	if n := c.accepted[0].count() - before; n > 10 {
		t.Errorf("%d connections for 3,000 readers", n)
	}
}

// A member says of itself whether it can serve and whether it signs, and why
// not; of one that does not answer the others say that.
func TestStatusTellsTheCondition(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.tune = func(i int, cfg *Config) {
		if i == 1 {
			cfg.Condition = func() (ready, signing error) { return nil, errors.New("it has no key") }
		}
	}
	for i := range c.members {
		c.start(i)
	}
	c.leader()
	waitFor(t, "all to be heard", func() bool {
		s := c.members[0].Status().Members
		return s[0].NotReady == "" && s[1].NotReady == "" && s[2].NotReady == "" && s[0].NotSigning == "" && s[1].NotSigning == "it has no key"
	})
	c.discard(2)
	waitFor(t, "the missing one to be missed", func() bool {
		s := c.members[0].Status().Members[2]
		return s.NotReady == "it does not answer" && s.NotSigning == "it does not answer"
	})
}
