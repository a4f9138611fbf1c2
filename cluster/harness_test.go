package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/outcome"
)

// patience is how long a test waits for something that should happen.
const patience = 20 * time.Second

// testCluster is members in this process that talk over TCP.
type testCluster struct {
	t        testing.TB
	root     string
	peers    []roster.Peer
	tune     func(i int, cfg *Config)
	members  []*Member
	machines []*testMachine
	cut      map[*Member]bool
	accepted map[int]*acceptedConns
	joins    map[int]bool     // members that are to join, though they are founders
	store    datadir.LogStore // of each member's log; empty: one of each
	askLong  bool             // a first start waits for answers as long as it should

	mu      sync.Mutex
	spare   []net.Listener // to hold the ports until the members take them
	fatals  []error
	ordered map[string]int // requests by mustPropose
}

// newTestCluster prepares n members; none is started.
func newTestCluster(t testing.TB, n int) *testCluster {
	t.Helper()
	c := &testCluster{t: t, root: t.TempDir(), members: make([]*Member, n), machines: make([]*testMachine, n), cut: map[*Member]bool{}, accepted: map[int]*acceptedConns{}, joins: map[int]bool{}, ordered: map[string]int{}}
	for i := range n {
		port, err := harness.FreePort() // a member that starts again needs its port once more
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		c.spare = append(c.spare, l)
		c.peers = append(c.peers, roster.Peer{ID: fmt.Sprintf("n%d", i+1), Addr: l.Addr().String()})
	}
	t.Cleanup(c.cleanup)
	return c
}

// startCluster starts n members and waits for a leader.
func startCluster(t testing.TB, n int) *testCluster {
	t.Helper()
	c := newTestCluster(t, n)
	for i := range n {
		c.start(i)
	}
	c.leader()
	return c
}

func (c *testCluster) config(i int) Config {
	cfg := DefaultConfig()
	cfg.ID, cfg.Bind = c.peers[i].ID, c.peers[i].Addr
	cfg.Dir = filepath.Join(c.root, cfg.ID)
	cfg.Peers = c.peers
	cfg.TwoVoters = true
	cfg.LogStore = c.logStore(i)
	if !c.askLong {
		cfg.ask = 50 * time.Millisecond // listeners that are kept for members answer nothing
	}
	cfg.HeartbeatTimeout = 400 * time.Millisecond // the race detector is slow
	cfg.ElectionTimeout = cfg.HeartbeatTimeout
	cfg.LeaderLeaseTimeout = cfg.HeartbeatTimeout
	cfg.SnapshotInterval = time.Hour // only when asked for
	cfg.Logger = slog.New(slog.DiscardHandler)
	if os.Getenv("CLUSTER_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("m", cfg.ID)
	}
	cfg.Fatal = c.fatal
	if c.tune != nil {
		c.tune(i, &cfg)
	}
	return cfg
}

// logStore is how a member keeps its log: the stores take turns, unless the test chooses
// one for all.
func (c *testCluster) logStore(i int) string {
	stores := datadir.LogStores()
	return string(cmp.Or(c.store, stores[i%len(stores)]))
}

// logFile is the file of a stopped member's log to which the last entries were written.
func (c *testCluster) logFile(i int) string {
	c.t.Helper()
	if c.logStore(i) == string(datadir.Bolt) {
		return datadir.LogFile
	}
	names, err := filepath.Glob(filepath.Join(c.config(i).Dir, datadir.WALDir, "*.wal"))
	if err != nil || len(names) == 0 {
		c.t.Fatalf("no segments: %v", err)
	}
	return filepath.Join(datadir.WALDir, filepath.Base(slices.Max(names)))
}

// eachLogStore runs a test with all members' logs in one store, for each.
func eachLogStore(t *testing.T, f func(t *testing.T, store datadir.LogStore)) {
	for _, store := range datadir.LogStores() {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			f(t, store)
		})
	}
}

// open starts member i with a new state machine.
func (c *testCluster) open(i int) error {
	cfg := c.config(i)
	c.accepted[i] = &acceptedConns{Listener: c.listener(i)}
	cfg.listener = c.accepted[i]
	machine := newTestMachine()
	c.machines[i] = machine
	m, err := Open(cfg, machine)
	if err != nil {
		cfg.listener.Close()
		return err
	}
	c.members[i] = m
	return nil
}

func (c *testCluster) start(i int) *Member {
	c.t.Helper()
	if err := c.open(i); err != nil {
		c.t.Fatal(err)
	}
	return c.members[i]
}

func (c *testCluster) listener(i int) net.Listener {
	c.t.Helper()
	c.mu.Lock()
	l := c.spare[i]
	c.spare[i] = nil
	c.mu.Unlock()
	if l != nil {
		return l
	}
	waitFor(c.t, "the port of a stopped member", func() bool {
		var err error
		l, err = net.Listen("tcp", c.peers[i].Addr)
		return err == nil
	})
	return l
}

func (c *testCluster) stop(i int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.members[i].Shutdown(ctx); err != nil {
		c.t.Errorf("shutting %s down: %v", c.peers[i].ID, err)
	}
	c.members[i] = nil
}

// cutOff does to the others what a kill does: the port and all connections are
// gone at once.
func (c *testCluster) cutOff(i int) {
	c.cut[c.members[i]] = true
	c.members[i].port.Close()
}

// discard ends a member without any courtesy.
func (c *testCluster) discard(i int) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.members[i].Shutdown(ctx) // complains about what is still under way
	c.members[i] = nil
}

func (c *testCluster) cleanup() {
	var stopping sync.WaitGroup
	for i, m := range c.members {
		if m != nil {
			stopping.Go(func() { c.discard(i) })
		}
	}
	stopping.Wait()
	for _, l := range c.spare {
		if l != nil {
			l.Close()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.fatals {
		c.t.Errorf("fatal: %v", err)
	}
}

func (c *testCluster) fatal(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fatals = append(c.fatals, err)
}

// takeFatal waits for a fatal error, which the test expected.
func (c *testCluster) takeFatal() error {
	c.t.Helper()
	var err error
	waitFor(c.t, "a fatal error", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.fatals) == 0 {
			return false
		}
		err, c.fatals = c.fatals[0], nil
		return true
	})
	return err
}

// leader waits until the members that run agree on one of them.
func (c *testCluster) leader() int {
	c.t.Helper()
	leader := -1
	waitFor(c.t, "a leader", func() bool {
		leader = slices.IndexFunc(c.members, func(m *Member) bool { return c.running(m) && m.IsLeader() })
		return leader >= 0 && !slices.ContainsFunc(c.members, func(m *Member) bool {
			if !c.running(m) {
				return false
			}
			id, ok := m.Leader()
			return !ok || id != c.peers[leader].ID || m.Ready() != nil
		})
	})
	return leader
}

// running tells whether a member is there and not cut off.
func (c *testCluster) running(m *Member) bool { return m != nil && !c.cut[m] }

// other returns a member that does not lead.
func (c *testCluster) other(leader int) int { return (leader + 1) % len(c.members) }

// propose orders one request through member i and returns its result.
func (c *testCluster) propose(i int, request string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.members[i].Propose(ctx, [][]byte{[]byte(request)})[0]
}

// decided proposes what requests makes, anew while there is a result of which nobody
// knows, or which was not ordered, because a leader was lost that had too little of a
// busy machine.
func (c *testCluster) decided(i int, requests func(try int) [][]byte) (results []Result) {
	c.t.Helper()
	try := 0
	waitFor(c.t, "one leader from the first of many requests to the last", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		results = c.members[i].Propose(ctx, requests(try))
		try++
		return !slices.ContainsFunc(results, func(r Result) bool { return errors.Is(r.Err, outcome.Unknown) || retryable(r.Err) })
	})
	return results
}

// mustPropose orders a request once. What has failed for sure it sends again. Where
// nobody knows, because a leader was lost that had too little of a busy machine, it looks
// whether the request is in the history.
func (c *testCluster) mustPropose(i int, request string) Result {
	c.t.Helper()
	var r Result
	waitFor(c.t, "request "+request, func() bool {
		r = c.propose(i, request)
		switch {
		case r.Err == nil || retryable(r.Err):
		case errors.Is(r.Err, outcome.Unknown):
			if c.happened(i, request) {
				r.Err = nil
			}
		default:
			c.t.Fatalf("request %s: %v", request, r.Err)
		}
		return r.Err == nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ordered[request]++
	return r
}

// happened tells whether a request is in the history once more than mustPropose has
// ordered it. What is not there behind a barrier never comes.
func (c *testCluster) happened(i int, request string) bool {
	waitFor(c.t, "a barrier after request "+request, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return c.members[i].Barrier(ctx) == nil
	})
	n := 0
	for _, r := range c.machines[i].snapshot().History {
		if r == request {
			n++
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return n > c.ordered[request]
}

// takeSnapshot takes a snapshot of a member's state now and cuts the log behind it.
func takeSnapshot(m *Member) error {
	err := m.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// sameHistory waits until all running members have the same state and returns
// its history.
func (c *testCluster) sameHistory() []string {
	c.t.Helper()
	var history []string
	waitFor(c.t, "the same state everywhere", func() bool {
		var states []machineState
		for i, m := range c.members {
			if c.running(m) {
				states = append(states, c.machines[i].snapshot())
			}
		}
		history = states[0].History
		for _, s := range states[1:] {
			if s.Applied != states[0].Applied || s.Micros != states[0].Micros || !slices.Equal(s.History, history) {
				return false
			}
		}
		return true
	})
	return history
}

// waitFor waits until the condition holds.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// acceptedConns is a listener that remembers what it accepted.
type acceptedConns struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *acceptedConns) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

func (l *acceptedConns) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

func (l *acceptedConns) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
