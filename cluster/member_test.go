package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/outcome"
)

func retryable(err error) bool {
	return errors.Is(err, outcome.NoLeader) || errors.Is(err, outcome.QueueFull) || errors.Is(err, outcome.ShuttingDown) || errors.Is(err, outcome.NotOrdered)
}

func TestSingleMember(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	r := c.mustPropose(0, "hello")
	if string(r.Data) != "0:hello" || r.Index == 0 {
		t.Errorf("got %+v", r)
	}
	if err := c.members[0].Barrier(testContext(t)); err != nil {
		t.Error(err)
	}
	c.stop(0)
	c.start(0)
	if r := c.mustPropose(0, "again"); string(r.Data) != "1:again" {
		t.Errorf("after a restart: %q", r.Data)
	}
}

// Members may be started in any order, and a majority is enough.
func TestStartInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			c := newTestCluster(t, 3)
			first := c.start(order[0])
			if err := first.Ready(); !errors.Is(err, ErrNotReady) || !errors.Is(err, outcome.NoLeader) {
				t.Errorf("alone: %v", err)
			}
			c.start(order[1])
			c.leader()
			c.mustPropose(order[0], "two of three")
			c.start(order[2])
			c.leader()
			c.mustPropose(order[2], "three of three")
			if got := c.sameHistory(); len(got) != 2 {
				t.Errorf("history %q", got)
			}
		})
	}
}

// Requests through all members at once: each gets its own result, each happens
// once, and all members end with the same history, with far fewer log entries
// than requests.
func TestConcurrentWrites(t *testing.T) {
	t.Parallel()
	const writers, each = 60, 25
	c := startCluster(t, 3)
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				request := fmt.Sprintf("w%d-%d", w, n)
				r := c.mustPropose(w%3, request)
				if _, got, _ := strings.Cut(string(r.Data), ":"); got != request {
					t.Errorf("the result of %s is %q", request, r.Data)
				}
			}
		})
	}
	writing.Wait()
	seen := map[string]bool{}
	for at, request := range c.sameHistory() {
		if seen[request] {
			t.Errorf("%s happened twice, the second time at %d", request, at)
		}
		seen[request] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d requests happened, want %d", len(seen), writers*each)
	}
	if entries := c.machines[0].applied(); entries > writers*each/2 {
		t.Errorf("%d entries for %d requests: they are not joined", entries, writers*each)
	}
}

// A call's requests stay together and in order, however many entries they need.
func TestBatchKeepsOrder(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	for _, i := range []int{c.leader(), c.other(c.leader())} {
		var requests [][]byte
		var before int
		results := c.decided(i, func(try int) [][]byte {
			requests = nil
			for n := range 10_000 {
				requests = append(requests, fmt.Appendf(nil, "%d-%d-%d-%s", i, try, n, strings.Repeat("x", 100)))
			}
			before = len(c.sameHistory())
			return requests
		})
		if len(results) != len(requests) {
			t.Fatalf("%d results", len(results))
		}
		last := uint64(0)
		for n, r := range results {
			want := fmt.Sprintf("%d:%s", before+n, requests[n])
			if r.Err != nil || string(r.Data) != want || r.Index < last {
				t.Fatalf("result %d: %q, index %d, %v", n, r.Data, r.Index, r.Err)
			}
			last = r.Index
		}
		if results[0].Index == last {
			t.Error("a megabyte of requests is in a single entry")
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	huge, largest := make([]byte, queue.MaxRequestBytes+1), make([]byte, queue.MaxRequestBytes)
	for i := range c.members {
		results := c.decided(i, func(int) [][]byte { return [][]byte{[]byte("a"), huge, largest, []byte("b")} })
		for n, want := range []error{nil, outcome.TooLarge, nil, nil} {
			if !errors.Is(results[n].Err, want) {
				t.Errorf("member %d, request %d: %v, want %v", i, n, results[n].Err, want)
			}
		}
	}
	if results := c.members[0].Propose(testContext(t), nil); len(results) != 0 {
		t.Errorf("no requests, %d results", len(results))
	}
}

// startOneThatWaits is a member alone that leads on for as long as a test has its state machine stand.
func startOneThatWaits(t *testing.T) *testCluster {
	t.Helper()
	c := newTestCluster(t, 1)
	c.tune = func(_ int, cfg *Config) {
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLeaseTimeout = 10*patience, 10*patience, 10*patience
		cfg.DiskStall = max(cfg.DiskStall, 2*cfg.ElectionTimeout)
	}
	c.start(0)
	c.leader()
	return c
}

// With the state machine stuck, the queue fills and then refuses at once; what
// gives up in the queue was not ordered, what gives up later is unknown.
func TestQueueFullAndGivingUp(t *testing.T) {
	t.Parallel()
	c := startOneThatWaits(t)
	m, machine := c.members[0], c.machines[0]
	c.mustPropose(0, "first")
	release := make(chan struct{})
	waitFor(t, "nothing being applied", func() bool { return c.machines[0].AppliedIndex() == m.raft.CommitIndex() })
	machine.mu.Lock()
	machine.applying = release
	machine.mu.Unlock()

	ctx, cancel := context.WithCancel(context.Background())
	var giving sync.WaitGroup
	outcomes := make(chan error, groupcommit.MaxInFlight+10)
	for n := range groupcommit.MaxInFlight {
		flying := fmt.Appendf(nil, "flying %d%*d", n, besideOthers, n)
		giving.Go(func() { outcomes <- m.Propose(ctx, [][]byte{flying})[0].Err })
		waitFor(t, "an entry in flight", func() bool { return m.batcher.InFlight() == n+1 })
	}
	for n := range 10 {
		giving.Go(func() { outcomes <- m.Propose(ctx, [][]byte{fmt.Appendf(nil, "queued %d", n)})[0].Err })
	}
	waitFor(t, "a queue of ten", func() bool { return m.queue.Len() == 10 })

	many := make([][]byte, 40_000) // more than the queue takes
	if err := m.Propose(ctx, many)[0].Err; !errors.Is(err, outcome.QueueFull) {
		t.Errorf("a full queue: %v", err)
	}
	cancel()
	giving.Wait()
	close(outcomes)
	count := map[string]int{}
	for err := range outcomes {
		switch {
		case errors.Is(err, outcome.NotOrdered) && !errors.Is(err, outcome.Unknown):
			count["not ordered"]++
		case errors.Is(err, outcome.Unknown) && !retryable(err):
			count["unknown"]++
		default:
			count[fmt.Sprint(err)]++
		}
	}
	if count["not ordered"] != 10 || count["unknown"] != groupcommit.MaxInFlight {
		t.Errorf("outcomes %v", count)
	}
	close(release)
	waitFor(t, "the entries in flight", func() bool { return len(c.machines[0].snapshot().History) == 1+groupcommit.MaxInFlight })
	c.mustPropose(0, "last")
	if got := len(c.machines[0].snapshot().History); got != 2+groupcommit.MaxInFlight {
		t.Errorf("%d requests happened: a request that was not ordered did", got)
	}
}

// besideOthers is how large a request is that gets an entry while others are under way.
const besideOthers = 16 << 10

// While an entry is under way, small ones wait and share the next one; one that is
// large enough goes beside it.
func TestSmallEntriesWaitForTheOneUnderWay(t *testing.T) {
	t.Parallel()
	c := startOneThatWaits(t)
	m, machine := c.members[0], c.machines[0]
	c.mustPropose(0, "first")
	waitFor(t, "nothing being applied", func() bool { return machine.AppliedIndex() == m.raft.CommitIndex() })
	release := make(chan struct{})
	machine.mu.Lock()
	machine.applying = release
	machine.mu.Unlock()
	var all sync.WaitGroup
	propose := func(request []byte) {
		all.Go(func() {
			if err := m.Propose(t.Context(), [][]byte{request})[0].Err; err != nil {
				t.Error(err)
			}
		})
	}
	propose([]byte("alone"))
	waitFor(t, "one under way", func() bool { return m.batcher.InFlight() == 1 })
	for n := range 10 {
		propose(fmt.Appendf(nil, "small %d", n))
		waitFor(t, "it waits", func() bool { return m.queue.Len() == n+1 })
	}
	if got := m.batcher.InFlight(); got != 1 {
		t.Errorf("%d entries are under way", got)
	}
	propose(make([]byte, besideOthers))
	waitFor(t, "one beside it", func() bool { return m.batcher.InFlight() == 2 && m.queue.Len() == 0 })
	close(release)
	all.Wait()
}

// Nobody is left without an answer when there is no majority.
func TestNoMajority(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.tune = func(_ int, cfg *Config) {
		cfg.HeartbeatTimeout = 100 * time.Millisecond
		cfg.ElectionTimeout, cfg.LeaderLeaseTimeout = cfg.HeartbeatTimeout, cfg.HeartbeatTimeout
	}
	c.start(0)
	r := c.propose(0, "alone")
	if !errors.Is(r.Err, outcome.NoLeader) || errors.Is(r.Err, outcome.Unknown) {
		t.Errorf("got %v", r.Err)
	}
	if err := c.members[0].Barrier(testContext(t)); !errors.Is(err, outcome.NoLeader) {
		t.Errorf("barrier: %v", err)
	}
	if s := c.members[0].Status(); s.Leader != "" || s.Members[1].Role != status.RoleUnreachable {
		t.Errorf("status %+v", s)
	}
}

func TestWaitApplied(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	r := c.mustPropose(leader, "a")
	for i, m := range c.members {
		if err := m.WaitApplied(testContext(t), r.Index); err != nil {
			t.Fatal(err)
		}
		if got := c.machines[i].snapshot().History; len(got) != 1 {
			t.Errorf("member %d: %q", i, got)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := c.members[0].WaitApplied(ctx, r.Index+1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an entry to come: %v", err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	c.mustPropose(leader, "a")
	c.sameHistory()
	for _, m := range c.members {
		var s status.Cluster
		waitFor(t, "everybody's status", func() bool {
			s = m.Status()
			return !slices.ContainsFunc(s.Members, func(one status.Member) bool { return one.Applied == 0 || one.Role == status.RoleCandidate }) && s.Leader != ""
		})
		if s.Leader != c.peers[leader].ID || s.Term == 0 || len(s.Members) != 3 {
			t.Fatalf("status %+v", s)
		}
		for i, one := range s.Members {
			want := "follower"
			if i == leader {
				want = status.RoleLeader
			}
			if one.Role != want || one.ID != c.peers[i].ID || one.Addr != c.peers[i].Addr || one.Applied == 0 || one.Last < one.Commit {
				t.Errorf("member %d: %+v", i, one)
			}
		}
	}
	gone := c.other(leader)
	c.stop(gone)
	waitFor(t, "one to be gone", func() bool {
		s := c.members[leader].Status()
		return s.Members[gone].Role == status.RoleUnreachable && s.Leader == c.peers[leader].ID
	})
}

// A machine that fails is fatal, once, and nothing is applied after it.
func TestMachineFailureIsFatal(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	r := c.propose(0, "fail")
	if !errors.Is(r.Err, outcome.Unknown) {
		t.Errorf("result: %v", r.Err)
	}
	if err := c.takeFatal(); !strings.Contains(err.Error(), "asked to fail") {
		t.Errorf("fatal: %v", err)
	}
	if r := c.propose(0, "later"); !errors.Is(r.Err, outcome.Unknown) {
		t.Errorf("after the failure: %+v", r)
	}
	if err := c.members[0].Ready(); !errors.Is(err, ErrNotReady) {
		t.Errorf("ready: %v", err)
	}
	if got := c.machines[0].snapshot().History; len(got) != 1 {
		t.Errorf("applied after the failure: %q", got)
	}
}
