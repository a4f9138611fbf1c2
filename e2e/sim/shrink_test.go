package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shrink makes a plan that fails smaller for as long as it still does: without some of its
// faults, with shorter ones, with fewer clients, with a network that loses nothing, and in
// less time.
func shrink(p plan, fails func(plan) bool) plan {
	for again := true; again; {
		again = false
		try := func(q plan) {
			if fails(q) {
				p, again = q, true
			}
		}
		for n := len(p.Faults); n > 0; n /= 2 { // halves, quarters, and each by itself
			for at := 0; at+n <= len(p.Faults); {
				before := len(p.Faults)
				q := p
				q.Faults = slices.Concat(p.Faults[:at], p.Faults[at+n:])
				if try(q); len(p.Faults) == before {
					at += n
				}
			}
		}
		for i := range p.Faults {
			if p.Faults[i].For > 100*time.Millisecond {
				q := p
				q.Faults = slices.Clone(p.Faults)
				q.Faults[i].For /= 2
				try(q)
			}
		}
		if p.Clients > 1 {
			q := p
			q.Clients--
			try(q)
		}
		if p.Lossy > 0 {
			q := p
			q.Lossy = 0
			try(q)
		}
		if p.Attests {
			q := p
			q.Attests = false
			try(q)
		}
		if p.Followers > 0 {
			q := p
			q.Followers = 0
			q.Faults = slices.DeleteFunc(slices.Clone(q.Faults), fault.ofFollower)
			try(q)
		}
		if p.Trailing > 0 {
			q := p
			q.Trailing = 0
			try(q)
		}
		if p.Length > 2*time.Second {
			q := p
			q.Length = q.Length * 3 / 4
			q.Faults = slices.DeleteFunc(slices.Clone(q.Faults), func(f fault) bool { return f.At+f.For > q.Length })
			try(q)
		}
	}
	return p
}

// entry is a plan as it stands in the table of those that have failed.
func (p plan) entry() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{Seed: %d, Members: %d, Clients: %d, Length: %d, Lossy: %d, Trailing: %d, Attests: %t, Followers: %d, Faults: []fault{\n", p.Seed, p.Members, p.Clients, p.Length, p.Lossy, p.Trailing, p.Attests, p.Followers)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\t%v,\n", f)
	}
	b.WriteString("}},\n")
	return b.String()
}

func TestAFailingPlanShrinksToWhatItTakes(t *testing.T) {
	p := newPlan(4, time.Minute)
	for len(p.Faults) < 12 {
		p.Faults = append(p.Faults, p.Faults...)
	}
	p.Faults[3].Kind, p.Faults[9].Kind = powerAll, clock
	tries := 0
	small := shrink(p, func(q plan) bool {
		tries++
		has := func(k faultKind) bool {
			return slices.ContainsFunc(q.Faults, func(f fault) bool { return f.Kind == k && f.For > 200*time.Millisecond })
		}
		return has(powerAll) && has(clock) && q.Clients >= 2
	})
	require.Len(t, small.Faults, 2)
	require.Equal(t, 2, small.Clients)
	require.Zero(t, small.Lossy)
	require.Less(t, small.Faults[0].For, 500*time.Millisecond)
	require.Less(t, tries, 200)
	require.Contains(t, small.entry(), `{"power all", `)
}
