package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/outcome"
)

// rescue is that of member i, going on with these.
func (c *testCluster) rescue(i int, with ...int) Rescue {
	r := Rescue{Dir: c.config(i).Dir, ID: c.peers[i].ID, By: "anna", Reason: "two disks burnt", Time: 1_800_000_000}
	for _, j := range with {
		r.Members = append(r.Members, c.peers[j])
	}
	return r
}

// mustRecover recovers member i, which is stopped.
func (c *testCluster) mustRecover(i int, r Rescue) datadir.Recovery {
	c.t.Helper()
	said, err := Recover(r, newTestMachine())
	if err != nil {
		c.t.Fatal(err)
	}
	on, found, err := datadir.ReadRecovery(c.config(i).Dir)
	if err != nil || !found || on.Index != said.Index || !slices.Equal(on.After, said.After) {
		c.t.Errorf("recovery.json: %+v, %v, %v; it said %+v", on, found, err, said)
	}
	return said
}

// One survivor of three goes on with all that it had, grows again, and those that were
// lost cannot come back.
func TestRecoverWithOneSurvivor(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 3, 3)
	c.proposeTen(0, "before")
	if err := takeSnapshot(c.members[0]); err != nil {
		t.Fatal(err)
	}
	c.proposeTen(0, "after the snapshot")
	c.sameHistory()
	for i := range c.members {
		c.discard(i)
	}
	if _, err := Recover(c.rescue(0, 1), newTestMachine()); !errors.Is(err, outcome.MemberUnknown) {
		t.Errorf("without itself: %v", err)
	}
	has, err := Inspect(c.config(0).Dir)
	if err != nil || has.Identity != "n1" || has.Last == 0 || has.Term == 0 || len(has.Configuration.Members) != 3 {
		t.Errorf("it has %+v, %v", has, err)
	}
	for range 2 { // once more does no harm
		said := c.mustRecover(0, c.rescue(0, 0))
		if !slices.Equal(said.Before, []string{"n1", "n2", "n3"}) || !slices.Equal(said.After, []string{"n1"}) || said.Index != has.Last {
			t.Errorf("it said %+v", said)
		}
	}
	c.start(0)
	c.leader()
	if n := len(c.machines[0].snapshot().History); n != 20 {
		t.Errorf("%d requests are left", n)
	}
	c.proposeTen(0, "alone")
	c.start(1)
	c.mustStop(1, ErrRemoved, "so says")
	c.wipe(1)
	c.joins[1] = true
	c.start(1)
	c.add(0, 1, Change{TwoVoters: true})
	c.awaitVoters("n1", "n2")
	c.leader()
	c.proposeTen(1, "of two")
	c.sameHistory()
}

// Two survivors of five: the one that has less drops what is not final for sure, and
// gets all from the other.
func TestRecoverWithTwoSurvivors(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 5, 5)
	c.proposeTen(0, "before")
	c.discard(4)
	c.proposeTen(0, "without n5")
	c.sameHistory()
	for i := range 4 {
		c.discard(i)
	}
	first, err1 := Inspect(c.config(0).Dir)
	last, err2 := Inspect(c.config(4).Dir)
	if err := errors.Join(err1, err2); err != nil || first.Last <= last.Last {
		t.Fatalf("%+v and %+v, %v", first, last, err)
	}
	c.mustRecover(0, c.rescue(0, 0, 4))
	behind := c.rescue(4, 0, 4)
	behind.Behind = true
	c.mustRecover(4, behind)
	c.start(0)
	c.start(4)
	c.leader()
	c.awaitVoters("n1", "n5")
	c.proposeTen(4, "of two")
	if n := len(c.sameHistory()); n != 30 {
		t.Errorf("%d requests are left", n)
	}
	c.change(0, Change{Kind: membership.Remove, ID: "n5"})
	c.mustStop(4, ErrRemoved, "")
	c.proposeTen(0, "alone")
}

// A member that runs, or is none, is not recovered.
func TestWhatCannotBeRecovered(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 1, 1)
	if _, err := Inspect(c.config(0).Dir); !errors.Is(err, ErrLocked) {
		t.Errorf("one that runs: %v", err)
	}
	if _, err := Recover(c.rescue(0, 0), newTestMachine()); !errors.Is(err, ErrLocked) {
		t.Errorf("one that runs: %v", err)
	}
	if _, err := Inspect(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no data directory") {
		t.Errorf("none: %v", err)
	}
	c.stop(0)
	twice := c.rescue(0, 0, 0)
	if _, err := Recover(twice, newTestMachine()); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("twice: %v", err)
	}
}
