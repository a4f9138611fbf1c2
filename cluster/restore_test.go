package cluster

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// restored lays out members that go on from the state of another cluster; origin
// says from what each of them is made.
func restored(t *testing.T, origin ...string) *testCluster {
	t.Helper()
	old := newTestMachine()
	for i := range uint64(5) {
		if _, err := old.Apply(i+10, int64(i), [][]byte{[]byte("old")}); err != nil {
			t.Fatal(err)
		}
	}
	c := newTestCluster(t, len(origin))
	for i, p := range c.peers {
		state := filepath.Join(t.TempDir(), "state")
		if err := old.Snapshot(t.Context(), state); err != nil {
			t.Fatal(err)
		}
		err := Restore(Restored{
			Dir: c.config(i).Dir, ID: p.ID, Peers: c.peers, Origin: origin[i], Index: 14, State: state,
			By: "ann", Reason: "fire", Time: 7, Before: []string{"n1", "n2"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestARestoredClusterGoesOn(t *testing.T) {
	t.Parallel()
	c := restored(t, "a backup", "a backup", "a backup")
	for i := range c.members {
		c.start(i)
	}
	c.mustPropose(c.leader(), "new")
	for i, m := range c.members {
		waitFor(t, "the new entry on "+m.cfg.ID, func() bool {
			h := c.machines[i].snapshot().History
			return len(h) == 6 && h[0] == "old" && h[5] == "new"
		})
		if applied := c.machines[i].AppliedIndex(); applied <= 14 {
			t.Errorf("%s applied %d: the log goes on behind the backup", m.cfg.ID, applied)
		}
		said, found, err := m.Recovery()
		if err != nil || !found || said.By != "ann" || len(said.After) != 3 || !slices.Contains(said.After, m.name) {
			t.Errorf("%s leaves %+v, %v", m.cfg.ID, said, err)
		}
		if m.name == m.cfg.ID {
			t.Errorf("%s is one of the old cluster", m.name)
		}
		if err := m.ForgetRecovery(); err != nil {
			t.Error(err)
		}
		if _, found, err := m.Recovery(); found || err != nil {
			t.Errorf("it is not forgotten: %v", err)
		}
	}
	for i := range c.members { // and it starts as any other
		c.stop(i)
	}
	for i := range c.members {
		c.start(i)
	}
	c.mustPropose(c.leader(), "again")
}

func TestMembersFromDifferentBackupsRefuseEachOther(t *testing.T) {
	t.Parallel()
	c := restored(t, "a backup", "a backup", "another one")
	for i := range c.members {
		c.start(i)
	}
	waitFor(t, "a leader of the two", func() bool { return c.members[0].IsLeader() || c.members[1].IsLeader() })
	first := 0
	if c.members[1].IsLeader() {
		first = 1
	}
	c.mustPropose(first, "new")
	stranger := c.members[2]
	waitFor(t, "the third one to be told", func() bool {
		err := stranger.Ready()
		return err != nil && strings.Contains(err.Error(), "another cluster")
	})
	if n := len(c.machines[2].snapshot().History); n != 5 {
		t.Errorf("the third one has taken what the others wrote: %d entries", n)
	}
}
