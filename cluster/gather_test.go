package cluster

import (
	"context"
	"errors"
	"testing"
	"time"
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
				if one.Role == RoleUnreachable {
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

// What a member far away says is not old when it arrives.
func TestAnAnswerThatWasOnItsWayForLong(t *testing.T) {
	now := time.Now()
	since := now.Add(-time.Second)
	for name, c := range map[string]struct {
		asked, answered time.Duration
		want            bool
	}{
		"it is near":               {time.Millisecond, 0, true},
		"it is far away":           {3 * freshStatus, 0, true},
		"it was said long ago":     {freshStatus + 1, freshStatus, false},
		"it was asked before that": {time.Second, 0, false},
	} {
		g := &gatherer{period: 3 * time.Millisecond, heard: map[string]statusAnswer{"n2": {asked: now.Add(-c.asked), answered: now.Add(-c.answered)}}}
		if _, got := g.fresh("n2", now, since); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Only those who are asked vouch for a member, and only by a later configuration.
func TestWhoVouchesForAMember(t *testing.T) {
	for name, c := range map[string]struct {
		who  string
		says statusAnswer
		want bool
	}{
		"a later one has it":       {"n2", statusAnswer{Configured: 8, Joined: []string{"n4/b"}}, true},
		"this one, which has not":  {"n2", statusAnswer{Configured: 7, Joined: []string{"n4/b"}}, false},
		"another instance of it":   {"n2", statusAnswer{Configured: 8, Joined: []string{"n4/a"}}, false},
		"it says so itself":        {"n4/b", statusAnswer{Configured: 8, Joined: []string{"n4/b"}}, false},
		"a release that says none": {"n2", statusAnswer{}, false},
	} {
		g := &gatherer{heard: map[string]statusAnswer{c.who: c.says}, watched: map[string]context.CancelFunc{"n2": nil}}
		if got := g.vouches("n4/b", 7); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
