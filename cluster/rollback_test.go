package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/internal/durable"
)

// keepCopy returns what the directory of a member is now, and a function that
// puts it in the place of what it is then.
func (c *testCluster) keepCopy(i int) (putBack func()) {
	c.t.Helper()
	t := c.t.(*testing.T)
	dir, old := c.config(i).Dir, filepath.Join(t.TempDir(), "old")
	copyDir(t, dir, old)
	return func() { copyDir(t, old, dir) }
}

// mustStop waits until a member has found, once it runs, that it must not, and
// makes sure that it does not start again.
func (c *testCluster) mustStop(i int, kind error, says string) {
	c.t.Helper()
	if err := c.takeFatal(); !errors.Is(err, kind) || !strings.Contains(err.Error(), says) {
		c.t.Errorf("fatal: %v, want %v and %q", err, kind, says)
	}
	if err := c.members[i].Ready(); err == nil {
		c.t.Error("it is ready")
	}
	c.discard(i)
	c.mustRefuse(i, kind)
}

// mustRefuse makes sure that a member does not start.
func (c *testCluster) mustRefuse(i int, kind error) {
	c.t.Helper()
	if err := c.open(i); !errors.Is(err, kind) {
		c.t.Errorf("it starts: %v", err)
	}
}

func (c *testCluster) proposeTen(i int, what string) {
	c.t.Helper()
	for n := range 10 {
		c.mustPropose(i, fmt.Sprintf("%s %d", what, n))
	}
}

// A member that the others have seen further than it is now ends, wherever in
// its directory it went back, and does not start again. The others go on.
func TestMemberThatWentBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, says string
		during     bool // the copy is of the start that the others saw last
		back       func(t *testing.T, c *testCluster, putBack func())
	}{
		{"to before its last start", "start", false, func(_ *testing.T, _ *testCluster, putBack func()) { putBack() }},
		{"within its last start", "entry", true, func(_ *testing.T, _ *testCluster, putBack func()) { putBack() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startCluster(t, 3)
			c.proposeTen(0, "before")
			c.stop(0)
			var putBack func()
			if !tt.during {
				putBack = c.keepCopy(0)
			}
			c.start(0)
			c.leader()
			if tt.during {
				putBack = c.keepCopy(0)
			}
			c.proposeTen(0, "after")
			c.discard(0)
			tt.back(t, c, putBack)
			c.start(0)
			c.mustStop(0, ErrWentBack, tt.says)
			c.proposeTen(1, "without it")
			c.stop(1)
			c.start(1)
			c.leader()
			c.mustRefuse(0, ErrWentBack)
		})
	}
}

// A member whose directory is gone is told so before it does anything, and what to do.
func TestWipedMemberIsRefused(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	c.askLong = true
	c.proposeTen(0, "before")
	c.stop(0)
	if err := os.RemoveAll(c.config(0).Dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.open(0); !errors.Is(err, ErrKnownID) || !strings.Contains(err.Error(), "bpsc cluster replace n1") {
			t.Errorf("got %v", err)
		}
	}
	c.proposeTen(1, "without it")
}

// One file of a member went back: the others tell it from that.
func TestFileThatWentBack(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads whole logs: under the race detector that is dear")
	}
	t.Parallel()
	for _, tt := range []struct {
		name  string
		store datadir.LogStore
	}{{datadir.LogFile, datadir.Bolt}, {datadir.WALDir, datadir.WAL}, {datadir.VoteFile, ""}, {datadir.StartsFile, ""}} {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestCluster(t, 3)
			c.store = tt.store
			for i := range 3 {
				c.start(i)
			}
			c.leader()
			c.proposeTen(0, "before")
			c.stop(0)
			file, old := filepath.Join(c.config(0).Dir, tt.name), filepath.Join(t.TempDir(), "old")
			copyPath(t, file, old)
			c.stop(c.leader()) // an election for those who stay, and the term grows
			c.start(0)
			for i := range c.members {
				if c.members[i] == nil {
					c.start(i)
				}
			}
			c.leader()
			c.proposeTen(0, "after")
			c.stop(0)
			copyPath(t, old, file)
			if err := c.open(0); err != nil { // its other files know better
				if !errors.Is(err, ErrWentBack) {
					t.Errorf("got %v", err)
				}
				return
			}
			c.mustStop(0, ErrWentBack, "")
		})
	}
}

// copyPath copies a file or a directory.
func copyPath(t *testing.T, from, to string) {
	t.Helper()
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		copyDir(t, from, to)
		return
	}
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// n3 is away while ten requests are final on n1 and n2. n1 goes back to before
// them, and goes on with n3, who does not know, while n2 is away for the moment.
// That nobody can notice; but when n2 returns nobody serves, whatever starts when.
func TestTwoHistories(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]int{"as long": 10, "shorter": 1, "longer": 30} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, 3)
			c.proposeTen(0, "before")
			c.stop(2)
			c.stop(0)
			putBack := c.keepCopy(0)
			c.start(0)
			c.leader()
			c.proposeTen(0, "final")
			c.discard(0)
			c.discard(1)
			putBack()
			c.start(0)
			c.start(2)
			c.leader()
			for n := range fill {
				c.mustPropose(2, fmt.Sprintf("another %d", n))
			}
			c.start(1)
			waitFor(t, "nobody to be ready", func() bool {
				return !slices.ContainsFunc(c.members, func(m *Member) bool { return m.Ready() == nil })
			})
			waitFor(t, "all to have ended", func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return len(c.fatals) == 3
			})
			c.mu.Lock()
			for _, err := range c.fatals {
				if !errors.Is(err, ErrDiverged) && !errors.Is(err, ErrWentBack) {
					t.Errorf("fatal: %v", err)
				}
			}
			c.fatals = nil
			c.mu.Unlock()
			for i := range c.members {
				c.discard(i)
			}
			for i := range c.members {
				if err := c.open(i); !errors.Is(err, ErrDiverged) && !errors.Is(err, ErrWentBack) {
					t.Errorf("%s starts: %v", c.peers[i].ID, err)
				}
			}
		})
	}
}

// What was never final may go: a leader that was cut off has entries that the
// others replace, and that is no second history.
func TestUnconfirmedEntriesMayGo(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	c.proposeTen(0, "before")
	old := c.leader()
	for i := range c.members {
		if i != old {
			c.discard(i)
		}
	}
	before := c.members[old].raft.LastIndex()
	c.members[old].raft.Apply(entry.Entry{Micros: 1}.Encode(), 0)
	waitFor(t, "an entry that nobody else has", func() bool { return c.members[old].raft.LastIndex() > before })
	c.discard(old)
	for i := range c.members {
		if i != old {
			c.start(i)
		}
	}
	c.leader()
	for i := range c.members {
		if i != old {
			c.proposeTen(i, "after")
		}
	}
	c.start(old)
	c.leader()
	c.sameHistory()
}

// A snapshot that ends before what is applied would take the state back.
func TestOlderSnapshotIsNotInstalled(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	c.proposeTen(0, "a")
	if err := takeSnapshot(c.members[0]); err != nil {
		t.Fatal(err)
	}
	newest, _ := c.members[0].store.snapshots.Newest()
	c.proposeTen(0, "b")
	_, r, err := c.members[0].store.snapshots.Open(newest.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := c.members[0].replica.Restore(r); !errors.Is(err, ErrDiverged) {
		t.Errorf("got %v", err)
	}
	c.takeFatal()
}

// What leader and member have seen of each other is on the disk soon after the
// last request, and so is what is final.
func TestWhatOthersHoldIsRememberedThroughACrash(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	c.proposeTen(0, "a")
	commit := c.members[0].raft.CommitIndex()
	leader := c.leader()
	for i := range c.members {
		waitFor(t, "the memory on the disk", func() bool {
			var on struct {
				Commit uint64
				Peers  map[string]struct{ Held uint64 }
			}
			if err := durable.ReadSealed(filepath.Join(c.config(i).Dir, datadir.MemoryFile), &on); err != nil {
				t.Fatal(err)
			}
			for j, p := range c.peers {
				if j != i && (i == leader || j == leader) && on.Peers[p.ID].Held < commit {
					return false
				}
			}
			return on.Commit >= commit
		})
	}
}
