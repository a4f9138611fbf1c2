package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/membership"
)

// noted are the events of a member of some kinds, as kind and member.
func noted(m *Member, kinds ...EventKind) (list []string) {
	all, _ := m.Events(0, maxEvents)
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
func awaitEvent(t *testing.T, m *Member, kind EventKind, of string) (found Event) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%s of %s", kind, of), func() bool {
		all, _ := m.Events(0, maxEvents)
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
	first := awaitEvent(t, watcher, EventLeader, id)
	if first.Term == 0 || first.Text != fmt.Sprintf("%s leads in term %d", id, first.Term) || time.Since(first.Time) > time.Minute {
		t.Errorf("%+v", first)
	}
	waitFor(t, "all to be heard", func() bool { return len(noted(watcher, EventUnreachable)) == len(noted(watcher, EventBack)) })
	c.discard(leader)
	awaitEvent(t, watcher, EventUnreachable, id)
	next := c.peers[c.leader()].ID
	if second := awaitEvent(t, watcher, EventLeader, next); second.Term <= first.Term || second.Number <= first.Number {
		t.Errorf("%+v after %+v", second, first)
	}
	c.start(leader)
	awaitEvent(t, watcher, EventBack, id)
	if started := noted(c.members[leader], EventStarted); len(started) != 1 {
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
		e := awaitEvent(t, m, EventRemoved, "n4")
		if !strings.HasPrefix(e.Text, "n4 was removed, by entry ") {
			t.Errorf("%q", e.Text)
		}
		got := noted(m, EventAdded, EventPromoted, EventRemoved)
		if want := "[added n4 promoted n4 removed n4]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if err := c.takeFatal(); !errors.Is(err, ErrRemoved) {
		t.Errorf("the removed member: %v", err)
	}
}

// What is different between two configurations is said, and nothing of what is the same.
func TestEventsOfAConfiguration(t *testing.T) {
	t.Parallel()
	voter, other, moved := membership.Member{ID: "n1", Addr: "h:1", Voter: true}, membership.Member{ID: "n1", Addr: "h:1"}, membership.Member{ID: "n1", Addr: "h:2", Voter: true}
	renewed := membership.Member{ID: "n1", Instance: "ab", Addr: "h:1", Voter: true}
	for name, tc := range map[string]struct {
		before, now []membership.Member
		want        []string
	}{
		"the same":     {[]membership.Member{voter}, []membership.Member{voter}, nil},
		"a voter":      {nil, []membership.Member{voter}, []string{"n1 was added as a voter, by entry 9"}},
		"a non-voter":  {nil, []membership.Member{other}, []string{"n1 was added as a non-voter, by entry 9"}},
		"promoted":     {[]membership.Member{other}, []membership.Member{voter}, []string{"n1 is a voter, by entry 9"}},
		"demoted":      {[]membership.Member{voter}, []membership.Member{other}, []string{"n1 is a non-voter, by entry 9"}},
		"moved":        {[]membership.Member{voter}, []membership.Member{moved}, []string{"n1 is at h:2, by entry 9"}},
		"removed":      {[]membership.Member{voter}, nil, []string{"n1 was removed, by entry 9"}},
		"a new folder": {[]membership.Member{voter}, []membership.Member{renewed}, []string{"n1 was added as a voter, by entry 9", "n1 was removed, by entry 9"}},
	} {
		m := &Member{}
		m.noteMembers(Configuration{Index: 7, Members: tc.before}, Configuration{Index: 9, Members: tc.now})
		var got []string
		all, _ := m.Events(0, maxEvents)
		for _, e := range all {
			got = append(got, e.Text)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// Snapshots are events: of those that took one, and of who got one. Others see how new it is.
func TestEventsOfSnapshots(t *testing.T) {
	t.Parallel()
	c, leader, away := lagging(t, "")
	awaitEvent(t, c.members[leader], EventSnapshot, c.peers[leader].ID)
	c.start(away)
	awaitEvent(t, c.members[away], EventInstalled, c.peers[away].ID)
	waitFor(t, "the leader to hear of its snapshot", func() bool {
		s := c.members[leader].Status().Members[away]
		return s.SnapshotIndex > 0 && time.Since(s.SnapshotTaken) < time.Minute && time.Since(s.Began) < time.Minute
	})
}

// What is remembered has a bound, and a page a length.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	var l events
	if page, more := l.page(0, 10); page != nil || more {
		t.Error(page, more)
	}
	for range maxEvents + 5 {
		l.note(Event{Kind: EventLevel})
	}
	for _, tc := range []struct {
		after       uint64
		limit       int
		first, last uint64
		more        bool
	}{
		{0, 10, 6, 15, true}, // the first five are forgotten
		{15, 10, 16, 25, true},
		{maxEvents - 5, 10, maxEvents - 4, maxEvents + 5, false},
		{maxEvents + 4, 10, maxEvents + 5, maxEvents + 5, false},
	} {
		page, more := l.page(tc.after, tc.limit)
		if page[0].Number != tc.first || page[len(page)-1].Number != tc.last || more != tc.more {
			t.Errorf("behind %d: %d to %d, %v", tc.after, page[0].Number, page[len(page)-1].Number, more)
		}
	}
	if page, more := l.page(maxEvents+5, 10); page != nil || more {
		t.Error(page, more)
	}
	// A number of before a restart.
	if page, more := l.page(maxEvents+6, 10); len(page) != 10 || page[0].Number != 6 || !more {
		t.Error(page, more)
	}
}
