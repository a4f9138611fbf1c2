package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/events"
	"github.com/bpsc/bpsc/cluster/membership"
)

// noted are the events of a member of some kinds, as kind and member.
func noted(m *Member, kinds ...events.Kind) (list []string) {
	all, _ := m.Events(0, 1000)
	for _, e := range all {
		for _, kind := range kinds {
			if e.Kind == kind {
				list = append(list, fmt.Sprintf("%s %s", kind, e.Member))
			}
		}
	}
	return list
}

// awaitEvent waits until a member has noted something, and returns it.
func awaitEvent(t *testing.T, m *Member, kind events.Kind, of string) (found events.Event) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%s of %s", kind, of), func() bool {
		all, _ := m.Events(0, 1000)
		for _, e := range all {
			if e.Kind == kind && e.Member == of {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// A leader that dies is an event of each of the others, and so are the next one, and its
// return; a member that was there all the time is none.
func TestEventsOfALeaderThatDies(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	id, watcher := c.peers[leader].ID, c.members[c.other(leader)]
	first := awaitEvent(t, watcher, events.Leader, id)
	if first.Term == 0 || first.Text != fmt.Sprintf("%s leads in term %d", id, first.Term) || time.Since(first.Time) > time.Minute {
		t.Errorf("%+v", first)
	}
	waitFor(t, "all to be heard", func() bool { return len(noted(watcher, events.Unreachable)) == len(noted(watcher, events.Back)) })
	c.discard(leader)
	awaitEvent(t, watcher, events.Unreachable, id)
	next := c.peers[c.leader()].ID
	if second := awaitEvent(t, watcher, events.Leader, next); second.Term <= first.Term || second.Number <= first.Number {
		t.Errorf("%+v after %+v", second, first)
	}
	c.start(leader)
	awaitEvent(t, watcher, events.Back, id)
	if started := noted(c.members[leader], events.Started); len(started) != 1 {
		t.Errorf("the member that began anew says %v", started)
	}
}

// A member that joins, is promoted and removed is an event each time, of all members, once.
func TestEventsOfMembers(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 4, 3)
	leader := c.leader()
	c.start(3)
	c.add(leader, 3, Change{})
	c.awaitVoters("n1", "n2", "n3", "n4")
	waitFor(t, "the promotion to be committed, and n4 removed", func() bool {
		_, err := c.members[leader].Change(testContext(t), Change{Kind: membership.Remove, ID: "n4"})
		return err == nil
	})
	for _, m := range c.members[:3] {
		e := awaitEvent(t, m, events.Removed, "n4")
		if !strings.HasPrefix(e.Text, "n4 was removed, by entry ") {
			t.Errorf("%q", e.Text)
		}
		got := noted(m, events.Added, events.Promoted, events.Removed)
		if want := "[added n4 promoted n4 removed n4]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if err := c.takeFatal(); !errors.Is(err, ErrRemoved) {
		t.Errorf("the removed member: %v", err)
	}
}

// Snapshots are events: of those that took one, and of who got one. Others see how new it is.
func TestEventsOfSnapshots(t *testing.T) {
	t.Parallel()
	c, leader, away := lagging(t, "")
	awaitEvent(t, c.members[leader], events.Snapshot, c.peers[leader].ID)
	c.start(away)
	awaitEvent(t, c.members[away], events.Installed, c.peers[away].ID)
	waitFor(t, "the leader to hear of its snapshot", func() bool {
		s := c.members[leader].Status().Members[away]
		return s.SnapshotIndex > 0 && time.Since(s.SnapshotTaken) < time.Minute && time.Since(s.Began) < time.Minute
	})
}
