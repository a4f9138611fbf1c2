package vacancy

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// seen is how n1 sees a vacancy among three after n3 has gone.
func seen(change func(v *View)) View {
	v := View{
		Self: Voter{ID: "n1", Vacant: true, Term: 4, Last: 10}, Leader: "n3", May: true,
		Others: []Voter{{ID: "n2", Heard: true, Vacant: true, Term: 4, Last: 10}, {ID: "n3"}},
	}
	if change != nil {
		change(&v)
	}
	return v
}

// after is how long a member that sees the same all the while waits for its turn; false
// if it has none within ten seconds.
func after(w *Watch, from time.Time, v View) (time.Duration, bool) {
	for d := time.Duration(0); d < 10*time.Second; d += time.Millisecond {
		if w.Look(from.Add(d), v) {
			return d, true
		}
	}
	return 0, false
}

func TestWhenAMemberStands(t *testing.T) {
	never := time.Duration(-1)
	for name, c := range map[string]struct {
		change func(v *View)
		want   time.Duration
	}{
		"the first by id at once":             {nil, 0},
		"the second by id a step later":       {func(v *View) { v.Self.ID, v.Others[0].ID = "n2", "n1" }, Step},
		"the longer log goes first":           {func(v *View) { v.Others[0].Last = 11 }, Step},
		"not while the other hears a leader":  {func(v *View) { v.Others[0].Vacant = false }, never},
		"not on its own word":                 {func(v *View) { v.Others[0].Heard = false }, never},
		"not while it hears a leader":         {func(v *View) { v.Self.Vacant = false }, never},
		"not if it may not":                   {func(v *View) { v.May = false }, never},
		"a leader that is back takes no turn": {func(v *View) { v.Others[1] = Voter{ID: "n3", Heard: true, Vacant: true, Last: 12} }, 0},
		"in a term without a leader a round later, with one not heard behind all": {func(v *View) { v.Leader = "" }, Round + 9*Step},
		"two of five are no majority":     {func(v *View) { v.Others = append(v.Others, Voter{ID: "n4"}, Voter{ID: "n5"}) }, never},
		"three of five, one is not heard": {func(v *View) { v.Others = append(v.Others, v.Others[0], Voter{ID: "n5"}); v.Others[2].ID = "n4" }, 5 * Step},
		"three of five, one hears the leader": {func(v *View) {
			v.Others = append(v.Others, v.Others[0], Voter{ID: "n5", Heard: true})
			v.Others[2].ID = "n4"
		}, 5 * Step},
		"who led comes behind both others": {func(v *View) {
			v.Leader, v.Self.Last = "", 12
			v.Others[1] = Voter{ID: "n3", Heard: true, Vacant: true, Last: 10}
		}, Round + 6*Step},
		"one alone": {func(v *View) { v.Others, v.Leader = nil, "" }, Round},
	} {
		t.Run(name, func(t *testing.T) {
			got, stands := after(&Watch{}, start, seen(c.change))
			if !stands {
				got = never
			}
			require.Equal(t, c.want, got)
		})
	}
}

// Whoever sees that another one stands gives it a round, and then takes its own turn.
func TestOneThatStandsGetsItsRound(t *testing.T) {
	for name, stands := range map[string]func(v *View){
		"heard of by its term":        func(v *View) { v.Others[0].Term++ },
		"heard of by what it says":    func(v *View) { v.Others[0].Stands = true },
		"heard of by its own raft":    func(v *View) { v.Self.Term++ },
		"this member, by a time-out":  func(v *View) { v.Self.Stands = true },
		"this member, in a new term":  func(v *View) { v.Self.Term++; v.Self.Stands = true },
		"after a longer log was seen": func(v *View) { v.Others[0].Term++; v.Others[0].Last = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			var w Watch
			require.False(t, w.Look(start, seen(func(v *View) { v.Self.ID, v.Others[0].ID = "n2", "n1" })))
			got, ok := after(&w, start.Add(time.Millisecond), seen(func(v *View) {
				v.Self.ID, v.Others[0].ID = "n2", "n1"
				stands(v)
			}))
			require.True(t, ok)
			require.Equal(t, Round+Step, got)
		})
	}
}

// Turns are counted from when the last voter came to say so, which all learn at about the
// same time: those of members that start one after the other come in order, too.
func TestTurnsBeginWithTheLastToSaySo(t *testing.T) {
	var w Watch
	starting := func(v *View) { v.Leader, v.Others[1] = "", Voter{ID: "n3"} }
	late := start.Add(Round + Step)
	require.False(t, w.Look(start, seen(starting)))
	require.False(t, w.Look(late.Add(-time.Millisecond), seen(starting)))
	got, ok := after(&w, late, seen(func(v *View) { v.Leader, v.Others[1] = "", Voter{ID: "n3", Heard: true, Vacant: true, Last: 10} }))
	require.True(t, ok)
	require.Equal(t, Round+6*Step, got, "behind all who may know of a leader")
}

// Standing in vain ends, and begins anew in the next vacancy.
func TestTriesAreBounded(t *testing.T) {
	var w Watch
	at, tries := start, []time.Duration{}
	for range maxStands {
		d, ok := after(&w, at, seen(nil))
		require.True(t, ok)
		tries = append(tries, d)
		at = at.Add(d)
	}
	require.Equal(t, []time.Duration{0, 2 * Round, 4 * Round, 8 * Round}, tries)
	_, ok := after(&w, at, seen(nil))
	require.False(t, ok)
	require.False(t, w.Look(at, seen(func(v *View) { v.Self.Vacant = false })))
	d, ok := after(&w, at, seen(nil))
	require.True(t, ok)
	require.Zero(t, d)
}

// Others are asked every few milliseconds at first, and hardly more often than without a
// vacancy once it lasts.
func TestPace(t *testing.T) {
	var w Watch
	require.Zero(t, w.Pace(start))
	w.Look(start, seen(nil))
	require.Equal(t, 3*time.Millisecond, w.Pace(start))
	require.Equal(t, 20*time.Millisecond, w.Pace(start.Add(time.Second)))
	require.Equal(t, 500*time.Millisecond, w.Pace(start.Add(time.Hour)))
	w.Look(start, seen(func(v *View) { v.Self.Vacant = false }))
	require.Zero(t, w.Pace(start))
}

// No two have the same turn, whatever each of them has heard of the others by then, and of the
// leader that they lost: it may be back for some of them, and stands itself.
func TestNoTwoShareATurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "voters")
		leader := fmt.Sprintf("n%d", rapid.IntRange(1, n).Draw(t, "leader"))
		var truth []Voter
		for i := 1; i <= n; i++ {
			truth = append(truth, Voter{ID: fmt.Sprintf("n%d", i), Vacant: true, Last: rapid.Uint64Range(1, 3).Draw(t, "last")})
		}
		turns := map[int]string{}
		for _, self := range truth {
			v := View{Self: self, Leader: leader}
			if self.ID == leader || rapid.Bool().Draw(t, "has started since") {
				v.Leader = "" // raft names none
			}
			for _, o := range truth {
				if o.ID != self.ID {
					o.Heard, o.Vacant = rapid.Bool().Draw(t, "heard"), rapid.Bool().Draw(t, "vacant")
					v.Others = append(v.Others, o)
				}
			}
			turn := Turn(v)
			require.Empty(t, turns[turn], "%s has the turn %d of %s", self.ID, turn, turns[turn])
			turns[turn] = self.ID
		}
	})
}

func TestSilence(t *testing.T) {
	s := NewSilence(100 * time.Millisecond)
	at, heard := start, start
	look := func(d time.Duration) time.Duration { at = at.Add(d); return s.Look(at, heard) }
	require.Zero(t, look(0))
	require.Equal(t, 50*time.Millisecond, look(50*time.Millisecond))
	require.Equal(t, 150*time.Millisecond, look(time.Hour), "a pause of this process counts as one look")
	heard = at
	require.Zero(t, look(time.Millisecond))
	require.Equal(t, 20*time.Millisecond, look(20*time.Millisecond))
}
