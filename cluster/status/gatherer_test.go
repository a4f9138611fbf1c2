package status

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// What a member far away says is not old when it arrives.
func TestAnAnswerThatWasOnItsWayForLong(t *testing.T) {
	now := time.Now()
	since := now.Add(-time.Second)
	for name, c := range map[string]struct {
		asked, answered time.Duration
		want            bool
	}{
		"it is near":               {time.Millisecond, 0, true},
		"it is far away":           {3 * freshFor, 0, true},
		"it was said long ago":     {freshFor + 1, freshFor, false},
		"it was asked before that": {time.Second, 0, false},
	} {
		g := &Gatherer{period: 3 * time.Millisecond, heard: map[string]Answer{"n2": {asked: now.Add(-c.asked), answered: now.Add(-c.answered)}}}
		if _, got := g.Fresh("n2", now, since); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Only those who are asked vouch for a member, and only by a later configuration.
func TestWhoVouchesForAMember(t *testing.T) {
	for name, c := range map[string]struct {
		who  string
		says Answer
		want bool
	}{
		"a later one has it":       {"n2", Answer{Configured: 8, Joined: []string{"n4/b"}}, true},
		"this one, which has not":  {"n2", Answer{Configured: 7, Joined: []string{"n4/b"}}, false},
		"another instance of it":   {"n2", Answer{Configured: 8, Joined: []string{"n4/a"}}, false},
		"it says so itself":        {"n4/b", Answer{Configured: 8, Joined: []string{"n4/b"}}, false},
		"a release that says none": {"n2", Answer{}, false},
	} {
		g := &Gatherer{heard: map[string]Answer{c.who: c.says}, watched: map[string]context.CancelFunc{"n2": nil}}
		if got := g.Vouches("n4/b", 7); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Connections that break and are there again at once are no news.
func TestAMomentOfAbsenceIsNoEvent(t *testing.T) {
	t.Parallel()
	var told []bool
	p := &presence{told: func(there bool) { told = append(told, there) }, since: time.Now()}
	p.misses(false)
	p.answers()
	p.misses(false)
	if told != nil {
		t.Errorf("told %v", told)
	}
	p.since = time.Now().Add(-2 * absentAfter)
	p.misses(false)
	p.misses(false)
	p.answers()
	p.answers()
	p.misses(true) // its process has ended
	if fmt.Sprint(told) != "[false true false]" {
		t.Errorf("told %v", told)
	}
}
