package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// load proposes through some members, again where a request was refused for sure, until
// stop; then it returns how many are done.
func (c *testCluster) load(members ...*Member) (stop func() int64) {
	ctx, cancel := context.WithCancel(context.Background())
	var load sync.WaitGroup
	var done atomic.Int64
	for i, m := range members {
		load.Go(func() {
			for n := 0; ctx.Err() == nil; {
				r := m.Propose(context.Background(), [][]byte{fmt.Appendf(nil, "load %d.%d", i, n)})[0]
				switch {
				case r.Err == nil || errors.Is(r.Err, outcome.Unknown):
					done.Add(1)
					n++
				case !retryable(r.Err):
					c.t.Errorf("a request ended with %v", r.Err)
					return
				}
			}
		})
	}
	return func() int64 { cancel(); load.Wait(); return done.Load() }
}

// A member loses its disk under load and is a voter again after one change, and the old
// one never comes back.
func TestReplaceAWipedMemberUnderLoad(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 3, 3)
	c.proposeTen(0, "before")
	leader := c.leader()
	lost, other := c.other(leader), 3-leader-c.other(leader)
	stop := c.load(c.members[leader], c.members[other])
	c.discard(lost)
	putBack := c.keepCopy(lost)
	c.wipe(lost)
	c.askLong = true
	if err := c.open(lost); !errors.Is(err, ErrKnownID) {
		t.Fatalf("it starts: %v", err)
	}
	id := c.peers[lost].ID
	replaced := make(chan error, 1)
	go func() {
		_, err := c.members[other].Change(testContext(t), Change{Kind: membership.Replace, ID: id})
		replaced <- err
	}()
	waitFor(t, "all to know of the replacement", func() bool {
		return c.members[leader].changer.IsReplacing(id) && c.members[other].changer.IsReplacing(id)
	})
	c.start(lost) // as before, with the list of founders
	if err := <-replaced; err != nil {
		t.Fatal(err)
	}
	c.awaitVoters("n1", "n2", "n3")
	c.leader()
	if n := stop(); n == 0 {
		t.Error("nothing was ordered")
	}
	c.sameHistory()
	c.stop(lost)
	putBack()
	if err := c.open(lost); err == nil {
		c.mustStop(lost, ErrRemoved, "removed")
	} else if !errors.Is(err, ErrRemoved) {
		t.Errorf("the old one starts: %v", err)
	}
}

// The leader dies once the new member is in, and the next one ends the replacement.
func TestLeaderDiesWithinAReplacement(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 5, 5)
	var may atomic.Bool
	tune := c.tune
	c.tune = func(i int, cfg *Config) {
		tune(i, cfg)
		cfg.MayVote = func(identity.Identity) bool { return may.Load() }
	}
	for i := range c.members { // with the hook
		c.stop(i)
		c.start(i)
		c.leader()
	}
	leader := c.leader()
	lost := c.other(leader)
	waitFor(t, "the others to be heard", func() bool {
		return !slices.ContainsFunc(c.members[leader].Status().Members, func(s status.Member) bool { return s.Role == status.RoleUnreachable })
	})
	c.discard(lost)
	c.wipe(lost)
	c.joins[lost] = true
	c.start(lost)
	c.change(leader, Change{Kind: membership.Replace, ID: c.peers[lost].ID})
	waitFor(t, "the new one to be in", func() bool { return len(c.members[lost].Configuration().Members) == 6 })
	c.discard(leader)
	c.leader()
	may.Store(true)
	waitFor(t, "the old one to be out", func() bool { return len(c.members[lost].Configuration().Members) == 5 })
	c.start(leader)
	c.leader()
	c.awaitVoters("n1", "n2", "n3", "n4", "n5")
}
