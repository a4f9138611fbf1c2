package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/cluster/datadir"
)

// lagging returns a cluster in which one member was away so long that the log it
// needs is gone.
func lagging(t *testing.T, store datadir.LogStore) (c *testCluster, leader, away int) {
	t.Helper()
	c = newTestCluster(t, 3)
	c.store = store
	c.tune = func(_ int, cfg *Config) { cfg.TrailingLogs = 5 }
	for i := range c.members {
		c.start(i)
	}
	leader = c.leader()
	away = c.other(leader)
	c.mustPropose(leader, "with all")
	c.sameHistory()
	c.stop(away)
	for n := range 50 {
		c.mustPropose(leader, fmt.Sprintf("without %d", n))
	}
	c.sameHistory()
	for _, m := range c.members {
		if m == nil {
			continue
		}
		if err := takeSnapshot(m); err != nil {
			t.Fatal(err)
		}
		if first, err := m.store.log.FirstIndex(); err != nil || first < 20 {
			t.Fatalf("the log still begins with %d, %v", first, err)
		}
	}
	return c, leader, away
}

// A member that lags behind the log gets a snapshot, goes on from there, and
// starts from it.
func TestSnapshotInstall(t *testing.T) {
	t.Parallel()
	eachLogStore(t, snapshotInstall)
}

func snapshotInstall(t *testing.T, store datadir.LogStore) {
	c, leader, away := lagging(t, store)
	c.start(away)
	c.leader()
	if got := c.sameHistory(); len(got) != 51 {
		t.Errorf("%d requests", len(got))
	}
	if _, ok := c.members[away].store.snapshots.Newest(); !ok {
		t.Error("no snapshot came")
	}
	if c.machines[away].applied() > 40 {
		t.Error("the entries came one by one")
	}
	c.mustPropose(away, "after")
	c.sameHistory()
	c.stop(away)
	c.start(away)
	c.leader()
	c.mustPropose(leader, "after a restart")
	if got := c.sameHistory(); len(got) != 53 {
		t.Errorf("%d requests", len(got))
	}
}

// While one member gets its snapshot the others are served.
func TestWritesDuringInstall(t *testing.T) {
	t.Parallel()
	c, leader, away := lagging(t, "")
	third := 3 - leader - away
	tr := c.traffic(6, leader, third)
	waitFor(t, "traffic", func() bool { return tr.count() > 50 })
	c.start(away)
	waitFor(t, "the snapshot", func() bool { _, ok := c.members[away].store.snapshots.Newest(); return ok })
	before := tr.count()
	waitFor(t, "traffic after it", func() bool { return tr.count() > before+50 })
	tr.end()
	tr.check(t, c.sameHistory())
}

// A snapshot that was damaged on a leader's disk, or is not of the entries that it is said to be of, does
// no harm to another member: the leader takes another one at once, and sends that.
func TestDamagedSnapshotIsNotInstalled(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(state string) error{
		"a file was cut short": func(state string) error { return os.Truncate(filepath.Join(state, "deeper", "filling"), 10) },
		"a byte has turned": rewrite(filepath.Join("deeper", "filling"), func(content []byte) error {
			content[len(content)/2] ^= 1
			return nil
		}),
		"it is of an older state": otherState(func(s *machineState) { s.Applied, s.History = 10, s.History[:1] }),
		"it is of a later state":  otherState(func(s *machineState) { s.Applied = 99 }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, leader, away := lagging(t, "")
			var damaged uint64
			for _, m := range []*Member{c.members[leader], c.members[3-leader-away]} { // whoever leads, if that changes
				meta, _ := m.store.snapshots.Newest()
				if err := damage(m.store.snapshots.State(meta.ID)); err != nil {
					t.Fatal(err)
				}
				damaged = max(damaged, meta.Index)
			}
			c.start(away)
			c.mustPropose(leader, "meanwhile")
			if got := c.sameHistory(); len(got) != 52 {
				t.Errorf("%d requests", len(got))
			}
			if meta, ok := c.members[away].store.snapshots.Newest(); !ok || meta.Index <= damaged {
				t.Errorf("it has the snapshot of entries up to %d, and those up to %d are damaged", meta.Index, damaged)
			}
		})
	}
}

// rewrite changes a file of a snapshot in its place.
func rewrite(file string, change func(content []byte) error) func(state string) error {
	return func(state string) error {
		content, err := os.ReadFile(filepath.Join(state, file))
		if err = errors.Join(err, change(content)); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(state, file), content, 0o600)
	}
}

// otherState has a snapshot hold another state, in as many bytes.
func otherState(change func(*machineState)) func(state string) error {
	return rewrite("state.json", func(content []byte) error {
		var s machineState
		if err := json.Unmarshal(content, &s); err != nil {
			return err
		}
		change(&s)
		other, err := json.Marshal(s)
		if len(other) > len(content) {
			return fmt.Errorf("%d bytes do not fit into %d", len(other), len(content))
		}
		copy(content, slices.Concat(other, bytes.Repeat([]byte(" "), len(content)-len(other))))
		return err
	})
}

// A leader whose state itself is damaged, so that whatever snapshot it takes in the place of a
// damaged one is, too, stops: another one leads.
func TestLeaderWithADamagedStateStops(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	c.mustPropose(leader, "before")
	c.machines[leader].rot()
	c.members[leader].noteDamaged()
	if err := c.takeFatal(); !errors.Is(err, errRotten) {
		t.Error(err)
	}
	c.stop(leader)
	c.mustPropose(c.leader(), "after")
}

// Snapshots are taken and the log is cut by itself, and a restart begins at the
// newest one.
func TestSnapshotsByThemselves(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	c.tune = func(_ int, cfg *Config) {
		cfg.SnapshotInterval, cfg.SnapshotThreshold, cfg.TrailingLogs = 20e6, 20, 10
	}
	for i := range c.members {
		c.start(i)
	}
	leader := c.leader()
	n := 0
	waitFor(t, "snapshots", func() bool {
		c.mustPropose(leader, fmt.Sprint(n))
		n++
		meta, ok := c.members[leader].store.snapshots.Newest()
		return ok && meta.Index > 60
	})
	history := c.sameHistory()
	for i := range c.members {
		c.stop(i)
	}
	for i := range c.members {
		c.start(i)
	}
	c.leader()
	if got := c.sameHistory(); len(got) != len(history) {
		t.Errorf("%d requests, were %d", len(got), len(history))
	}
	if all := c.machines[leader].applied(); all >= n {
		t.Errorf("%d entries were applied again: it did not begin at the snapshot", all)
	}
}

// A state machine that is ahead of the log was mixed up with another.
func TestStateAheadOfTheLog(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	c.mustPropose(0, "a")
	c.stop(0)
	machine := newTestMachine()
	machine.state.Applied = 1000
	_, err := Open(c.config(0), machine)
	if err == nil || !strings.Contains(err.Error(), "holds entries up to 1000") {
		t.Errorf("got %v", err)
	}
}
