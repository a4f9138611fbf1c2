package events

import (
	"slices"
	"testing"

	"github.com/bpsc/bpsc/cluster/membership"
)

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
		l := New("n1")
		l.Members(membership.Configuration{Index: 7, Members: tc.before}, membership.Configuration{Index: 9, Members: tc.now})
		var got []string
		all, _ := l.Page(0, maxEvents)
		for _, e := range all {
			got = append(got, e.Text)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// What is remembered has a bound, and a page a length.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	l := New("n1")
	if page, more := l.Page(0, 10); page != nil || more {
		t.Error(page, more)
	}
	for range maxEvents + 5 {
		l.note(Event{Kind: Level})
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
		page, more := l.Page(tc.after, tc.limit)
		if page[0].Number != tc.first || page[len(page)-1].Number != tc.last || more != tc.more {
			t.Errorf("behind %d: %d to %d, %v", tc.after, page[0].Number, page[len(page)-1].Number, more)
		}
	}
	if page, more := l.Page(maxEvents+5, 10); page != nil || more {
		t.Error(page, more)
	}
	// A number of before a restart.
	if page, more := l.Page(maxEvents+6, 10); len(page) != 10 || page[0].Number != 6 || !more {
		t.Error(page, more)
	}
}
