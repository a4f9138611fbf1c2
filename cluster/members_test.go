package cluster

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// membersCluster is the first of n processes as a cluster of founders, the others of
// which are not started. Members are promoted soon.
func membersCluster(t *testing.T, n, founders int) *testCluster {
	t.Helper()
	c := newTestCluster(t, n)
	c.tune = func(i int, cfg *Config) {
		cfg.Peers = c.peers[:founders]
		cfg.Join = i >= founders || c.joins[i]
		cfg.PromoteAfter = 200 * time.Millisecond
		cfg.Removed = func(who identity.Identity) bool { return c.machines[i].removed(string(who)) }
	}
	for i := range founders {
		c.start(i)
	}
	c.leader()
	return c
}

// removed tells whether a member was removed.
func (m *testMachine) removed(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.state.Removed, name)
}

// change makes a change on member i, which has to succeed once the one before is committed.
func (c *testCluster) change(i int, change Change) (changed Changed) {
	c.t.Helper()
	var err error
	waitFor(c.t, "the change before to be committed", func() bool {
		changed, err = c.members[i].Change(testContext(c.t), change)
		return !errors.Is(err, outcome.ChangeInProgress)
	})
	if err != nil {
		c.t.Fatalf("%+v: %v", change, err)
	}
	return changed
}

// refuse makes a change on member i, which has to fail.
func (c *testCluster) refuse(i int, change Change, code outcome.Code, says string) {
	c.t.Helper()
	var err error
	waitFor(c.t, "the change before to be committed", func() bool {
		_, err = c.members[i].Change(testContext(c.t), change)
		return !errors.Is(err, outcome.ChangeInProgress) || code == outcome.ChangeInProgress
	})
	if !errors.Is(err, code) || !strings.Contains(err.Error(), says) {
		c.t.Errorf("%+v: %v; want %s and %q", change, err, code, says)
	}
}

// add adds the process j, by member i.
func (c *testCluster) add(i, j int, change Change) {
	c.t.Helper()
	change.Kind, change.ID, change.Addr = membership.Add, c.peers[j].ID, c.peers[j].Addr
	c.change(i, change)
}

// awaitVoters waits until all members that run agree that these vote and nobody else is
// a member.
func (c *testCluster) awaitVoters(ids ...string) {
	c.t.Helper()
	waitFor(c.t, fmt.Sprint("the voters to be ", ids), func() bool {
		for _, m := range c.members {
			if !c.running(m) {
				continue
			}
			var is []string
			for _, member := range m.Configuration().Members {
				is = append(is, member.ID)
				if !member.Voter {
					return false
				}
			}
			if slices.Sort(is); !slices.Equal(is, ids) {
				return false
			}
		}
		return true
	})
}

// wipe takes a member's disk away.
func (c *testCluster) wipe(i int) {
	c.t.Helper()
	if err := os.RemoveAll(c.config(i).Dir); err != nil {
		c.t.Fatal(err)
	}
}

// One member grows to three, and the third one learns all that was before.
func TestOneGrowsToThree(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 3, 1)
	c.proposeTen(0, "alone")
	c.start(1)
	waitFor(t, "n2 to say what it waits for", notReadyFor(c.members[1], "bpsc cluster add n2"))
	add := Change{Kind: membership.Add, ID: "n2", Addr: c.peers[1].Addr}
	c.refuse(0, add, outcome.TwoVoters, "")
	add.TwoVoters = true
	c.change(0, add)
	c.awaitVoters("n1", "n2")
	c.leader()
	if err := takeSnapshot(c.members[0]); err != nil {
		t.Fatal(err)
	}
	c.start(2)
	c.add(1, 2, Change{}) // by a member that does not lead
	c.awaitVoters("n1", "n2", "n3")
	c.leader()
	c.proposeTen(2, "of three")
	c.stop(0)
	c.leader()
	c.proposeTen(1, "without the first")
	c.start(0)
	c.leader()
	if n := len(c.sameHistory()); n != 30 {
		t.Errorf("%d requests", n)
	}
	for i := range c.members { // they come back under their names
		c.stop(i)
		c.start(i)
		c.leader()
	}
	c.proposeTen(1, "again")
}

// Who changes what: of two changes for one configuration one wins.
func TestTwoChangesAtOnce(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 5, 3)
	c.start(3)
	c.start(4)
	at := c.members[0].Configuration().Index
	errs := make([]error, 2)
	var changing sync.WaitGroup
	for i, j := range []int{3, 4} {
		changing.Go(func() {
			_, errs[i] = c.members[i].Change(testContext(t), Change{Kind: membership.Add, ID: c.peers[j].ID, Addr: c.peers[j].Addr, At: at})
		})
	}
	changing.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("the errors are %v", errs)
	}
	lost := errors.Join(errs...)
	if !errors.Is(lost, outcome.ChangeInProgress) && !errors.Is(lost, outcome.ConfigurationChanged) {
		t.Errorf("it lost by %v", lost)
	}
}

// The same member is added once, and a member of another cluster never.
func TestWhoCannotBeAdded(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 5, 3)
	c.start(3)
	c.add(0, 3, Change{})
	again := Change{Kind: membership.Add, ID: "n4", Addr: c.peers[3].Addr}
	if _, err := c.members[0].Change(testContext(t), again); !errors.Is(err, outcome.ChangeInProgress) && !errors.Is(err, outcome.MemberExists) {
		t.Errorf("added twice: %v", err)
	}
	c.awaitVoters("n1", "n2", "n3", "n4")
	c.refuse(0, again, outcome.MemberExists, "n4")
	c.refuse(0, Change{Kind: membership.Add, ID: "n5", Addr: c.peers[3].Addr}, outcome.MemberNotEmpty, "n4")
	c.refuse(0, Change{Kind: membership.Add, ID: "n5", Addr: c.peers[4].Addr}, outcome.MemberUnreachable, "n5")
	other := membersCluster(t, 1, 1)
	c.refuse(0, Change{Kind: membership.Add, ID: "n1x", Addr: other.peers[0].Addr}, outcome.OtherCluster, "")
	c.refuse(1, Change{Kind: membership.Replace, ID: "n2", Addr: other.peers[0].Addr}, outcome.OtherCluster, "")
	if n := len(other.members[0].Configuration().Members); n != 1 {
		t.Errorf("the other cluster has %d members", n)
	}
}

// A dry run says the same as the change, and changes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 3, 3)
	before := c.members[0].Configuration()
	remove := Change{Kind: membership.Remove, ID: "n3", TwoVoters: true, DryRun: true}
	would := c.change(0, remove)
	if after := c.members[0].Configuration(); !slices.Equal(after.Members, before.Members) || would.Index != before.Index {
		t.Errorf("%+v became %+v", before, after)
	}
	if last := would.Steps[len(would.Steps)-1]; !slices.Equal(last.Voters, []string{"n1", "n2"}) || last.Quorum != 2 {
		t.Errorf("it says %+v", would.Steps)
	}
	c.stop(1)
	c.leader()
	c.refuse(0, remove, outcome.QuorumAtRisk, "")
}

// Who is removed stops for good, the leader too, though nobody asks it itself.
func TestRemove(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 4, 4)
	leader := c.leader()
	gone := c.peers[leader].ID
	c.change(c.other(leader), Change{Kind: membership.Remove, ID: gone})
	c.mustStop(leader, ErrRemoved, "")
	var rest []string
	for i, p := range c.peers {
		if i != leader {
			rest = append(rest, p.ID)
		}
	}
	c.awaitVoters(rest...)
	next := c.leader()
	c.proposeTen(next, "without it")
	// With an empty directory it can be added again.
	c.wipe(leader)
	c.askLong = true
	if err := c.open(leader); !errors.Is(err, ErrNotAMember) || !strings.Contains(err.Error(), "bpsc cluster add "+gone) {
		t.Fatalf("it starts: %v", err)
	}
	c.joins[leader] = true
	c.start(leader)
	c.add(next, leader, Change{})
	c.awaitVoters("n1", "n2", "n3", "n4")
	c.leader()
	c.sameHistory()
}

// Who was away when it was removed is told so when it comes back.
func TestRemovedWhileAway(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 4, 4)
	leader := c.leader()
	away := c.other(leader)
	c.stop(away)
	c.change(leader, Change{Kind: membership.Remove, ID: c.peers[away].ID})
	c.start(away)
	c.mustStop(away, ErrRemoved, "so says")
}

// has tells whether there is a member of an id.
func (m *testMachine) has(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	is := func(name string) bool { return identity.Identity(name).ID() == id }
	return slices.ContainsFunc(slices.Concat(m.state.Voters, m.state.NonVoters), is)
}

// A member that was away while an id was added again that it knows as removed learns that from
// others, and follows the new member of that id.
func TestAwayWhileAnIDWasAddedAgain(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 4, 4)
	leader := c.leader()
	again, away := (leader+1)%4, (leader+2)%4
	id := c.peers[again].ID
	c.change(leader, Change{Kind: membership.Remove, ID: id})
	c.mustStop(again, ErrRemoved, "")
	waitFor(t, "the removal to be applied", func() bool { return !c.machines[away].has(id) })
	c.stop(away)
	tune := c.tune
	c.tune = func(i int, cfg *Config) { // a ledger is on the disk, and knows so when it is opened
		tune(i, cfg)
		cfg.Departed = func(gone string) bool { return i == away && gone == id && !c.machines[i].has(id) }
	}
	c.wipe(again)
	c.joins[again] = true
	c.start(again)
	c.add(leader, again, Change{})
	waitFor(t, "it to be a voter that may lead", func() bool {
		_, err := c.members[leader].Change(testContext(t), Change{Kind: membership.TransferLeader, ID: id})
		return err == nil
	})
	waitFor(t, "it to lead", func() bool { return c.members[again].IsLeader() })
	c.start(away)
	c.mustPropose(away, "with all")
	c.sameHistory()
}

// A member that is being fed meets states in which all were removed that are members now.
func TestWhoIsBeingFedJudgesNobody(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 4, 3)
	tune := c.tune
	c.tune = func(i int, cfg *Config) {
		tune(i, cfg)
		cfg.Departed = func(id string) bool { return i == 3 && !c.machines[i].has("n4") }
	}
	leader := c.leader()
	c.start(3)
	c.add(leader, 3, Change{})
	c.awaitVoters("n1", "n2", "n3", "n4")
	c.sameHistory()
}

// The snapshot that a leader has may be from before it was added itself. Who is fed by it
// meets a final configuration without the leader, whose connection goes on all the same.
func TestASnapshotFromBeforeItsLeaderWasAdded(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 5, 3)
	tune := c.tune
	c.tune = func(i int, cfg *Config) {
		tune(i, cfg)
		cfg.TrailingLogs = 1
	}
	for i := range 3 {
		c.stop(i)
		c.start(i)
	}
	leader := c.leader()
	c.proposeTen(leader, "before")
	for _, m := range c.members[:3] {
		if err := takeSnapshot(m); err != nil {
			t.Fatal(err)
		}
	}
	c.start(3)
	c.add(leader, 3, Change{})
	c.awaitVoters("n1", "n2", "n3", "n4")
	c.change(leader, Change{Kind: membership.TransferLeader, ID: "n4"})
	waitFor(t, "n4 to lead", func() bool { return c.leader() == 3 })
	c.start(4)
	c.add(3, 4, Change{})
	c.awaitVoters("n1", "n2", "n3", "n4", "n5")
	c.sameHistory()
	if n := c.machines[4].restores(); n != 1 {
		t.Errorf("it was given %d snapshots", n)
	}
}

// A member that was demoted stays a non-voter until it is promoted by hand.
func TestDemoteAndPromote(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 4, 4)
	leader := c.leader()
	id := c.peers[c.other(leader)].ID
	c.change(leader, Change{Kind: membership.Demote, ID: id})
	is := func(voter, stays bool) func() bool {
		return func() bool {
			i := slices.IndexFunc(c.members[leader].Configuration().Members, func(m ConfiguredMember) bool { return m.ID == id })
			m := c.members[leader].Configuration().Members[i]
			return m.Voter == voter && m.Stays == stays
		}
	}
	waitFor(t, "it to be a non-voter", is(false, true))
	waitFor(t, "it to have kept up for long enough to be promoted", func() bool {
		s := c.members[leader].changer.State()
		return s.Seen[identity.New(id, "")].CaughtUp > s.PromoteAfter+time.Second
	})
	if !is(false, true)() {
		t.Fatal("it was promoted by itself")
	}
	c.refuse(leader, Change{Kind: membership.Demote, ID: id}, outcome.NotAVoter, id)
	c.change(leader, Change{Kind: membership.Promote, ID: id})
	waitFor(t, "it to be a voter", is(true, false))
}

// Leadership goes to and fro under load, and no member is left that refuses requests.
func TestTransferLeader(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 3, 3)
	stop := c.load(c.members...)
	for range 6 {
		leader := c.leader()
		to := c.other(leader)
		c.change(c.other(to), Change{Kind: membership.TransferLeader, ID: c.peers[to].ID})
		waitFor(t, "the other to lead", func() bool { return c.members[to].IsLeader() })
	}
	c.leader()
	stop()
	for i := range c.members {
		c.mustPropose(i, "after")
	}
	c.sameHistory()
}

// raft forgets that a transfer has ended (hashicorp/raft#696): another member leads, and
// the one that orders nothing ends, to be started again.
func TestTransferThatNeverEnds(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 3, 3)
	leader := c.leader()
	flag := reflect.ValueOf(c.members[leader].raft).Elem().FieldByName("leaderState").FieldByName("leadershipTransferInProgress")
	atomic.StoreInt32((*int32)(flag.Addr().UnsafePointer()), 1)
	stop := c.load(c.members[leader])
	if err := c.takeFatal(); !strings.Contains(err.Error(), "start this member again") {
		t.Errorf("fatal: %v", err)
	}
	waitFor(t, "another to lead", func() bool { return c.members[c.other(leader)].mayLead(c, leader) })
	stop()
	c.discard(leader)
	c.start(leader)
	c.leader()
	c.proposeTen(leader, "after")
}

// mayLead tells whether somebody leads who is not that one.
func (m *Member) mayLead(c *testCluster, not int) bool {
	id, ok := m.Leader()
	return ok && id != c.peers[not].ID
}

// A member moves to another address.
func TestAnotherAddress(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("raft has a race there")
	}
	c := membersCluster(t, 3, 3)
	leader := c.leader()
	moved := c.other(leader)
	c.stop(moved)
	l := listen(t)
	c.mu.Lock()
	c.spare[moved] = l
	c.mu.Unlock()
	to := l.Addr().String()
	c.start(moved)
	c.change(leader, Change{Kind: membership.Add, ID: c.peers[moved].ID, Addr: to})
	waitFor(t, "all to know the address", func() bool {
		for _, m := range c.members {
			if at, _ := m.Configuration().Member(c.peers[moved].ID); at.Addr != to {
				return false
			}
		}
		return true
	})
	c.leader()
	c.proposeTen(moved, "from there")
}
