package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/outcome"
)

func testFitness() *health.Fitness {
	return health.NewFitness(slog.New(slog.DiscardHandler), time.Second)
}

// A leader that becomes unfit makes way under load, and nobody has to wonder
// about an outcome. It goes on as a member that follows.
func TestUnfitLeaderMakesWay(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var load sync.WaitGroup
	var open atomic.Int32
	for i := range c.members {
		load.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				switch r := c.propose(i, fmt.Sprintf("%d.%d", i, n)); {
				case errors.Is(r.Err, outcome.Unknown):
					open.Add(1)
				case r.Err != nil && !errors.Is(r.Err, outcome.NoLeader):
					t.Errorf("a request ended with %v", r.Err)
				}
			}
		})
	}
	const changes = 3
	for range changes {
		old := c.leader()
		m := c.members[old]
		m.fitness.Forbid("test", "because of a test")
		waitFor(t, "another leader", func() bool {
			id, ok := m.Leader()
			return ok && id != m.cfg.ID
		})
		if err := m.Ready(); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "because of a test") {
			t.Errorf("an unfit member says of its readiness: %v", err)
		}
		if s := m.status(); len(s.Unfit) != 1 || s.Role == status.RoleLeader {
			t.Errorf("it describes itself as %+v", s)
		}
		m.fitness.Allow("test")
	}
	stop()
	load.Wait()
	// A busy machine may take longer than the time that is given to what is under
	// way; without it each change leaves most of the requests open.
	if n := open.Load(); n > changes {
		t.Errorf("%d requests were left open", n)
	}
	c.sameHistory()
}

// An unfit member that follows does not take over when the leader is gone, by
// whatever way, nor does it push the others' term.
func TestUnfitMemberIsNotElected(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testCluster, int){
		"killed": (*testCluster).cutOff, "handing over": (*testCluster).stop,
	} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, 3)
			old := c.leader()
			unfit := c.other(old)
			next := c.other(unfit)
			c.members[unfit].fitness.Forbid("test", "because of a test")
			end(c, old)
			waitFor(t, "the fit member to lead", func() bool {
				if c.members[unfit].IsLeader() {
					t.Error("the unfit member leads")
				}
				return c.members[next].IsLeader()
			})
			c.mustPropose(unfit, "goes on")
			c.members[unfit].fitness.Allow("test")
		})
	}
}

// While every member is unfit nothing is taken; the first that is fit leads.
func TestNobodyIsFit(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	c.mustPropose(0, "before")
	for _, m := range c.members {
		m.fitness.Forbid("test", "because of a test")
	}
	if r := c.propose(1, "in vain"); !errors.Is(r.Err, outcome.NoLeader) {
		t.Errorf("a request without a leader ended with %v", r.Err)
	}
	c.members[2].fitness.Allow("test")
	waitFor(t, "the fit member to lead", c.members[2].IsLeader)
	c.mustPropose(0, "after")
}
