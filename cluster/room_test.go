package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/internal/outcome"
)

// rooms is what the disks of the members of a test cluster have left.
type rooms [3]atomic.Pointer[health.Room]

func startWithRooms(t *testing.T) (*testCluster, *rooms) {
	t.Helper()
	var left rooms
	c := newTestCluster(t, 3)
	c.tune = func(i int, cfg *Config) {
		cfg.Room = func() health.Room {
			if r := left[i].Load(); r != nil {
				return *r
			}
			return health.Room{}
		}
	}
	for i := range 3 {
		c.start(i)
	}
	c.leader()
	return c, &left
}

func roomy() *health.Room   { return &health.Room{} }
func scarce() *health.Room  { return &health.Room{Short: "a test fills it"} }
func noSpace() *health.Room { return &health.Room{Short: "it is full", None: true} }

// A leader whose disk is short makes way for a member that has room; where all are
// short one of them leads on, so that reads go through the log, and no client's write
// is to be taken. With room everything is as before.
func TestShortDisks(t *testing.T) {
	t.Parallel()
	c, left := startWithRooms(t)
	old := c.leader()
	left[old].Store(scarce())
	waitFor(t, "another leader", func() bool {
		id, ok := c.members[c.other(old)].Leader()
		return ok && id != c.peers[old].ID
	})
	if err := c.members[old].Ready(); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "a test fills it") {
		t.Errorf("its readiness: %v", err)
	}
	if err := c.members[old].NoRoom(); !errors.Is(err, outcome.DiskFull) {
		t.Errorf("a short member takes writes: %v", err)
	}
	if err := c.members[c.other(old)].NoRoom(); err != nil {
		t.Errorf("one with room does not: %v", err)
	}
	for i := range left {
		left[i].Store(scarce())
	}
	waitFor(t, "a leader among members that are all short, and reads", func() bool {
		for _, m := range c.members {
			if _, led := m.Leader(); !led || len(m.status().Unfit) > 0 {
				return false
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return c.members[0].Barrier(ctx) == nil
	})
	left[0].Store(roomy())
	waitFor(t, "a member with room refuses where no majority has any", func() bool {
		return errors.Is(c.members[0].NoRoom(), outcome.DiskFull)
	})
	left[1].Store(roomy())
	waitFor(t, "two of three are enough", func() bool { return c.members[0].NoRoom() == nil })
	left[2].Store(roomy())
	c.leader()
	c.mustPropose(0, "after")
	c.sameHistory()
}

// A member that has no room at all takes no entries and stays in the cluster, whose
// others go on; then it catches up by itself.
func TestAFullDiskTakesNoEntries(t *testing.T) {
	t.Parallel()
	c, left := startWithRooms(t)
	leader := c.leader()
	full := c.other(leader)
	c.mustPropose(leader, "before")
	waitFor(t, "the entry everywhere", func() bool {
		return c.members[full].raft.LastIndex() == c.members[leader].raft.LastIndex()
	})
	left[full].Store(noSpace())
	last, term := c.members[full].raft.LastIndex(), c.members[full].raft.CurrentTerm()
	for i := range 20 {
		c.mustPropose(leader, fmt.Sprint(i))
	}
	if now := c.members[full].raft.LastIndex(); now != last {
		t.Errorf("its log went from %d to %d", last, now)
	}
	if now := c.members[leader].raft.CurrentTerm(); now != term {
		t.Errorf("there was an election: term %d, then %d", term, now)
	}
	left[full].Store(roomy())
	c.sameHistory()
}

// A cluster of which nobody has room orders nothing, and says why; nothing is in doubt.
func TestNobodyHasRoom(t *testing.T) {
	t.Parallel()
	c, left := startWithRooms(t)
	for i := range left {
		left[i].Store(noSpace())
	}
	leader := c.anyLeader()
	if r := c.propose(leader, "x"); !errors.Is(r.Err, outcome.DiskFull) || errors.Is(r.Err, outcome.Unknown) {
		t.Errorf("the leader answered %v", r.Err)
	}
	if r := c.propose(c.other(leader), "x"); !errors.Is(r.Err, outcome.DiskFull) || errors.Is(r.Err, outcome.Unknown) {
		t.Errorf("another answered %v", r.Err)
	}
	for i := range left {
		left[i].Store(roomy())
	}
	c.mustPropose(c.leader(), "after")
	c.sameHistory()
}

// anyLeader is the member that leads, ready or not.
func (c *testCluster) anyLeader() (leader int) {
	c.t.Helper()
	waitFor(c.t, "a leader", func() bool {
		for i, m := range c.members {
			if m.IsLeader() {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}
