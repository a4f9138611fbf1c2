package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/peer"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

// traffic writes through the given members until stopped, and remembers what
// was acknowledged and what has an unknown outcome.
type traffic struct {
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	acked   map[string]bool
	unknown map[string]error
	refused map[string]bool
}

func (c *testCluster) traffic(writers int, through ...int) *traffic {
	ctx, cancel := context.WithCancel(context.Background())
	tr := &traffic{stop: cancel, acked: map[string]bool{}, unknown: map[string]error{}, refused: map[string]bool{}}
	for w := range writers {
		m := c.members[through[w%len(through)]]
		tr.running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				request := fmt.Sprintf("t%d-%d", w, n)
				r := m.Propose(context.Background(), [][]byte{[]byte(request)})[0]
				tr.note(request, r.Err)
				if errors.Is(r.Err, outcome.ShuttingDown) {
					return
				}
			}
		})
	}
	return tr
}

func (tr *traffic) note(request string, err error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	switch {
	case err == nil:
		tr.acked[request] = true
	case errors.Is(err, outcome.Unknown):
		tr.unknown[request] = err
	default:
		tr.refused[request] = true
	}
}

func (tr *traffic) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.acked)
}

func (tr *traffic) end() { tr.stop(); tr.running.Wait() }

// check compares what the writers were told with what happened.
func (tr *traffic) check(t *testing.T, history []string) {
	t.Helper()
	happened := map[string]bool{}
	for _, request := range history {
		if happened[request] {
			t.Errorf("%s happened twice", request)
		}
		happened[request] = true
		if tr.refused[request] {
			t.Errorf("%s was refused, and happened", request)
		}
	}
	for request := range tr.acked {
		if !happened[request] {
			t.Errorf("%s was acknowledged, and is lost", request)
		}
	}
	t.Logf("%d acknowledged, %d refused, %d unknown", len(tr.acked), len(tr.refused), len(tr.unknown))
}

// A leader that shuts down finishes what it took: the writes go on, and nobody
// is left with an unknown outcome.
func TestGracefulStopOfTheLeader(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	tr := c.traffic(12, 0, 1, 2)
	waitFor(t, "traffic", func() bool { return tr.count() > 100 })
	c.stop(leader)
	before := tr.count()
	waitFor(t, "traffic without the old leader", func() bool { return tr.count() > before+100 })
	c.leader()
	tr.end()
	for request, err := range tr.unknown {
		t.Errorf("%s: %v", request, err)
	}
	tr.check(t, c.sameHistory())
	c.start(leader)
	c.leader()
	tr.check(t, c.sameHistory())
}

// A leader that is gone at once: what was acknowledged stays, what was refused
// did not happen, and the others go on.
func TestSuddenEndOfTheLeader(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	rest := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == leader })
	tr := c.traffic(12, rest...)
	waitFor(t, "traffic", func() bool { return tr.count() > 100 })
	c.cutOff(leader)
	before := tr.count()
	waitFor(t, "traffic without the old leader", func() bool { return tr.count() > before+100 })
	tr.end()
	tr.check(t, c.sameHistory())
	c.discard(leader)
	c.start(leader)
	c.leader()
	tr.check(t, c.sameHistory())
}

// A leader that is cut off from the others tells its callers that it does not
// know, or that it did not.
func TestCallersOfALeaderThatIsCutOff(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	c.mustPropose(leader, "before")
	c.cutOff(leader)
	r := c.propose(leader, "in between")
	if !errors.Is(r.Err, outcome.Unknown) && !errors.Is(r.Err, outcome.NoLeader) {
		t.Errorf("got %+v", r)
	}
	if err := c.members[leader].Barrier(testContext(t)); err == nil {
		t.Error("a leader whom nobody follows passed a barrier")
	}
}

// A member that passes requests on reports what became of them by how far they
// got.
func TestOutcomeOfForwardedRequests(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	through := c.other(leader)
	c.mustPropose(through, "first")

	// Frames that were sent and not answered: the leader's machine is stuck, so
	// no answer comes before the connection is lost.
	release := make(chan struct{})
	c.machines[leader].mu.Lock()
	c.machines[leader].applying = release
	c.machines[leader].mu.Unlock()
	var sent sync.WaitGroup
	var result Result
	sent.Go(func() { result = c.propose(through, "under way") })
	waitFor(t, "the request at the leader", func() bool { return c.members[leader].batcher.InFlight() > 0 })
	c.accepted[leader].closeAll()
	sent.Wait()
	if !errors.Is(result.Err, outcome.Unknown) || retryable(result.Err) {
		t.Errorf("sent and not answered: %v", result.Err)
	}
	close(release)
	c.mustPropose(through, "last")
	c.sameHistory()
}

// A request that another member passed on is never passed on again.
func TestNoSecondForwarding(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	asked := c.other(leader)
	conn, err := c.members[leader].port.Dial(testContext(t), c.peers[asked].ID)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, call := queue.New(), queue.NewCall([][]byte{[]byte("x")}, false, nil)
	if err := elsewhere.Push(call); err != nil {
		t.Fatal(err)
	}
	up := peer.NewUplink(c.peers[asked].ID, conn, func() {}, c.members[leader].lag)
	defer up.Close()
	up.Send(elsewhere.Take(true))
	select {
	case <-call.Finished:
		if r := call.Results()[0]; !errors.Is(r.Err, outcome.NoLeader) {
			t.Errorf("got %+v", r)
		}
	case <-time.After(patience):
		t.Fatal("no answer")
	}
	// Not even when it was put in the queue while the member still led.
	late := queue.NewCall([][]byte{[]byte("y")}, true, nil)
	if err := c.members[asked].queue.Push(late); err != nil {
		t.Fatal(err)
	}
	<-late.Finished
	if !errors.Is(late.Results()[0].Err, outcome.NoLeader) {
		t.Errorf("got %+v", late.Results()[0])
	}
}

// Shutdown refuses what comes after it, and is the same the second time.
func TestShutdownRefuses(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	m := c.members[c.other(c.leader())]
	c.stop(c.other(c.leader()))
	r := m.Propose(context.Background(), [][]byte{[]byte("late")})[0]
	if !errors.Is(r.Err, outcome.ShuttingDown) || errors.Is(r.Err, outcome.Unknown) {
		t.Errorf("propose: %v", r.Err)
	}
	if err := m.Barrier(context.Background()); !errors.Is(err, outcome.ShuttingDown) {
		t.Errorf("barrier: %v", err)
	}
	if err := m.WaitApplied(context.Background(), 1<<40); !errors.Is(err, outcome.ShuttingDown) {
		t.Errorf("wait: %v", err)
	}
	if err := m.Ready(); !errors.Is(err, outcome.ShuttingDown) {
		t.Errorf("ready: %v", err)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
