package cluster

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/internal/outcome"
)

// heldDisk is a log whose writes can be held up, and lost.
type heldDisk struct {
	raft.LogStore
	mu   sync.Mutex
	held chan error // what writes get that come now; nil lets all of them through
}

func (d *heldDisk) StoreLogs(logs []*raft.Log) error {
	d.mu.Lock()
	held := d.held
	d.mu.Unlock()
	if held != nil {
		if err := <-held; err != nil {
			return err
		}
	}
	return d.LogStore.StoreLogs(logs)
}

// IsMonotonic implements raft.MonotonicLogStore.
func (d *heldDisk) IsMonotonic() bool {
	store, ok := d.LogStore.(raft.MonotonicLogStore)
	return ok && store.IsMonotonic()
}

func (d *heldDisk) hold() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = make(chan error)
}

// release lets the writes through that are held up, or loses them. None are once it was called.
func (d *heldDisk) release(lost error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := d.held
	if held == nil {
		return
	}
	d.held = nil
	select {
	case held <- lost:
	case <-time.After(patience):
	}
}

// aheadOfItsDisk is a cluster whose leader has sent an entry to the others, who have it on
// their disks, while its own disk is held up.
type aheadOfItsDisk struct {
	*testCluster
	leader int
	disk   *heldDisk
	entry  uint64
	result chan Result // of the request in it
}

func startAhead(t *testing.T) aheadOfItsDisk { return startAheadFor(t, time.Minute) }

// startAheadFor is one whose disks may take so long.
func startAheadFor(t *testing.T, stall time.Duration) aheadOfItsDisk {
	c := aheadOfItsDisk{testCluster: newTestCluster(t, 3), result: make(chan Result, 1)}
	disks := make([]*heldDisk, 3)
	c.tune = func(i int, cfg *Config) {
		cfg.DiskStall, cfg.CommitTimeout = stall, 5*time.Millisecond
		cfg.disk = func(store raft.LogStore) raft.LogStore {
			disks[i] = &heldDisk{LogStore: store}
			return disks[i]
		}
	}
	for i := range c.members {
		c.start(i)
	}
	c.leader = c.testCluster.leader()
	c.mustPropose(c.leader, "before")
	c.sameHistory()
	c.disk = disks[c.leader]
	c.disk.hold()
	t.Cleanup(func() { c.disk.release(nil) }) // where a test ends early: its leader would wait for ever
	leader := c.members[c.leader]
	c.entry = leader.raft.LastIndex() + 1
	go func() { c.result <- leader.Propose(context.Background(), [][]byte{[]byte("held up")})[0] }()
	waitFor(t, "the entry on the others' disks", func() bool {
		for i, m := range c.members {
			if last, err := m.store.log.LastIndex(); i != c.leader && (err != nil || last < c.entry) {
				return false
			}
		}
		return leader.raft.CommitIndex() >= c.entry
	})
	return c
}

// A leader sends entries while it writes them. Until it has, none of them is applied
// anywhere, and it shows nobody that it has them.
func TestNothingIsFinalBeforeTheLeaderHasWrittenIt(t *testing.T) {
	c := startAhead(t)
	since := time.Now()
	for i, m := range c.members {
		waitFor(t, "the leader to send what it knows", func() bool {
			return i == c.leader || m.raft.LastContact().After(since.Add(20*m.cfg.CommitTimeout))
		})
		if commit := m.raft.CommitIndex(); i != c.leader && commit >= c.entry {
			t.Errorf("%s was told that entry %d is committed", m.name, commit)
		}
		if at := c.machines[i].snapshot().Applied; at >= c.entry {
			t.Errorf("%s has applied entry %d", m.name, at)
		}
		if s := m.status(); s.Commit >= c.entry {
			t.Errorf("%s says in its status that entry %d is committed", m.name, s.Commit)
		}
		if p := m.store.memory.Position(c.peers[c.other(i)].ID); i == c.leader && (p.Last >= c.entry || p.Commit >= c.entry) {
			t.Errorf("the leader shows entries up to %d, committed up to %d", p.Last, p.Commit)
		}
	}
	select {
	case r := <-c.result:
		t.Errorf("the request was answered: %+v", r)
		c.result <- r
	default:
	}
	c.disk.release(nil)
	if r := <-c.result; r.Err != nil {
		t.Errorf("the request: %v", r.Err)
	}
	if h := c.sameHistory(); h[len(h)-1] != "held up" {
		t.Errorf("the history is %q", h)
	}
}

// A leader that loses what it had sent, and not yet written, has lost nothing that it had
// shown: it comes back as a member like any other.
func TestALeaderLosesWhatItHadNotWritten(t *testing.T) {
	c := startAhead(t)
	c.cutOff(c.leader)
	c.disk.release(errors.New("the power is gone"))
	if err := c.takeFatal(); !strings.Contains(err.Error(), "the power is gone") {
		t.Error(err)
	}
	c.discard(c.leader)
	if r := <-c.result; !errors.Is(r.Err, outcome.Unknown) {
		t.Errorf("nobody can know what became of the request: %+v", r)
	}
	c.testCluster.leader()
	c.mustPropose(c.other(c.leader), "after")
	m := c.start(c.leader)
	waitFor(t, "the member to be ready again", func() bool { return m.Ready() == nil })
	c.mustPropose(c.leader, "through the one that had lost it")
	if h := c.sameHistory(); h[0] != "before" || h[len(h)-1] != "through the one that had lost it" {
		t.Errorf("the history is %q", h)
	}
}

// A leader whose disk hangs stops all the same: raft's own goroutine does not wait for the
// disk, and whoever closes the log does not wait for it for ever.
func TestALeaderThatIsAheadStopsWhileItsDiskHangs(t *testing.T) {
	c := startAhead(t)
	m := c.members[c.leader]
	m.cfg.DiskStall = time.Second // how long Shutdown waits for the disk; the watchdog has its own
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		ended <- m.Shutdown(ctx)
	}()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "the log is not written") {
			t.Errorf("it says %v", err)
		}
	case <-time.After(patience):
		t.Error("it does not stop")
	}
	c.disk.release(nil)
	<-c.result
	if err := m.store.close(); err != nil {
		t.Error(err)
	}
}

// A leader whose disk hangs is replaced, though its main goroutine goes on, and ends.
func TestALeaderThatIsAheadIsReplacedWhileItsDiskHangs(t *testing.T) {
	c := startAheadFor(t, 4*time.Second)
	m := c.members[c.leader]
	waitFor(t, "another leader", func() bool {
		for i, other := range c.members {
			if i != c.leader && other.IsLeader() {
				return true
			}
		}
		return false
	})
	if len(m.fitness.Why()) == 0 {
		t.Error("it is fit to lead")
	}
	c.mustPropose(c.other(c.leader), "goes on")
	if err := c.takeFatal(); !errors.Is(err, health.ErrDiskHangs) {
		t.Error(err)
	}
	c.disk.release(nil)
	if r := <-c.result; r.Err != nil { // it was committed before another one led
		t.Errorf("the request: %v", r.Err)
	}
	c.sameHistory()
}
