package clock

import (
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// setClock is a wall clock that tests set.
type setClock struct{ ahead atomic.Int64 }

func (s *setClock) set(ahead time.Duration) { s.ahead.Store(int64(ahead)) }

func (s *setClock) wall(at time.Time) int64 { return at.Add(time.Duration(s.ahead.Load())).UnixMicro() }

// testClocks are those of the first of so many members.
func testClocks(members int) (*Majority, *setClock) {
	own := &setClock{}
	m := NewMajority(time.Second, own.wall)
	var others []string
	for i := range members - 1 {
		others = append(others, fmt.Sprint(i))
	}
	m.Follow(others, true)
	return m, own
}

// hear notes clocks that are so far ahead of the true time.
func hear(c *Majority, at time.Time, ahead ...time.Duration) {
	for i, d := range ahead {
		c.Note(fmt.Sprint(i), at.Add(-time.Millisecond), at.Add(time.Millisecond), at.Add(d).UnixMicro())
	}
}

func TestTheMajorityTime(t *testing.T) {
	const h = time.Hour
	const unknown = -1 << 62
	tests := []struct {
		name    string
		members int
		own     time.Duration
		others  []time.Duration
		trusted time.Duration // ahead of the true time
		off     bool
	}{
		{"alone", 1, 2 * h, nil, 2 * h, false},
		{"two", 2, 0, []time.Duration{0}, 0, false},
		{"of two nobody knows which one is wrong: the slow one counts", 2, 2 * h, []time.Duration{0}, 0, false},
		{"the same from the other", 2, 0, []time.Duration{2 * h}, 0, false},
		{"two that do not see each other", 2, 0, nil, unknown, false},
		{"good clocks", 3, 0, []time.Duration{0, 0}, 0, false},
		{"within the bound", 3, 900 * time.Millisecond, []time.Duration{0, 0}, 900 * time.Millisecond, false},
		{"own ahead", 3, 2 * h, []time.Duration{0, 0}, 0, true},
		{"own behind", 3, -2 * h, []time.Duration{0, 0}, 0, true},
		{"just beyond the bound", 3, 1100 * time.Millisecond, []time.Duration{0, 0}, 0, true},
		{"another is ahead", 3, 0, []time.Duration{25 * h, 0}, 0, false},
		{"another is behind", 3, 0, []time.Duration{-25 * h, 0}, 0, false},
		{"two of three are wrong", 3, 0, []time.Duration{h, h}, h, true},
		{"all differ, own in the middle", 3, 0, []time.Duration{h, -h}, 0, false},
		{"all differ, own ahead", 3, h, []time.Duration{0, -h}, 0, true},
		{"one of three is down, own ahead", 3, 2 * h, []time.Duration{0}, 0, false},
		{"one of three is down, own behind", 3, -2 * h, []time.Duration{0}, -2 * h, false},
		{"two of three are down", 3, 0, nil, unknown, false},
		{"three of five are enough", 5, 2 * h, []time.Duration{0, 0}, 0, false},
		{"five, own ahead", 5, 2 * h, []time.Duration{0, 0, 0, 2 * h}, 0, true},
		{"five, two ahead", 5, 0, []time.Duration{0, 0, 2 * h, 2 * h}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, own := testClocks(tt.members)
			own.set(tt.own)
			at := time.Now()
			hear(c, at, tt.others...)
			got, ok := c.trusted(at)
			if ok != (tt.trusted != unknown) {
				t.Fatalf("known: %v", ok)
			}
			if want := at.Add(tt.trusted).UnixMicro(); ok && apart(got, want) > 2000 {
				t.Errorf("the majority's time is %v from the true one, want %v", time.UnixMicro(got).Sub(at), tt.trusted)
			}
			if off := c.off(at, false); off != tt.off {
				t.Errorf("off: %v, want %v", off, tt.off)
			}
		})
	}
}

// A clock that is set shows at once, before the others are asked again.
// Clocks of members that cannot lead are no part of a majority: neither another's nor this one's.
func TestOnlyClocksOfVotersCount(t *testing.T) {
	at := time.Now()
	c, _ := testClocks(3)
	hear(c, at, 0, 0, time.Hour, time.Hour, time.Hour) // three that nobody has named
	if got, ok := c.trusted(at); !ok || apart(got, at.UnixMicro()) > 1000 {
		t.Errorf("%v, %d µs from the true time", ok, got-at.UnixMicro())
	}
	if c.off(at, false) {
		t.Error("others than voters have put the clock in the wrong")
	}

	c, own := testClocks(1)
	c.Follow([]string{"0", "1", "2"}, false)
	own.set(time.Hour)
	hear(c, at, 2*time.Hour)
	if _, ok := c.trusted(at); ok {
		t.Error("one of three voters is a majority")
	}
	hear(c, at, 0, 2*time.Hour)
	// Of three voters two have reached no more than the true time; the own clock, between them, is none.
	if got, ok := c.trusted(at); !ok || apart(got, at.UnixMicro()) > 1000 {
		t.Errorf("%v, %d µs from the true time", ok, got-at.UnixMicro())
	}
}

func TestNobodyIsOffBeforeTheMembersAreKnown(t *testing.T) {
	if NewMajority(time.Second, nil).off(time.Now(), false) {
		t.Error("off")
	}
}

func TestAStepOfTheOwnClockShowsAtOnce(t *testing.T) {
	c, own := testClocks(3)
	at := time.Now()
	hear(c, at, 0, 0)
	for _, step := range []time.Duration{2 * time.Hour, -2 * time.Hour, 25 * time.Hour} {
		own.set(step)
		if got, ok := c.trusted(at); !ok || apart(got, at.UnixMicro()) > 2000 {
			t.Errorf("with %v: %v, %v", step, got, ok)
		}
		if ahead := c.Ahead(at); !c.off(at, false) || (ahead-step).Abs() > 2*time.Millisecond {
			t.Errorf("with %v: it is %v ahead", step, ahead)
		}
	}
}

// A slow answer tells less: nobody is called wrong who may be right.
func TestASlowAnswerIsNotHeldAgainstAClock(t *testing.T) {
	c, own := testClocks(3)
	own.set(2 * time.Second)
	at := time.Now()
	for _, id := range []string{"a", "b"} {
		c.Note(id, at.Add(-4*time.Second), at, at.Add(-2*time.Second).UnixMicro())
	}
	if c.off(at, false) {
		t.Error("it is")
	}
}

// A clock on the edge of the bound does not change sides with every look.
func TestAClockOnTheEdge(t *testing.T) {
	c, own := testClocks(3)
	at := time.Now()
	hear(c, at, 0, 0)
	off := false
	for _, step := range []struct {
		ahead time.Duration
		want  bool
	}{
		{990 * time.Millisecond, false}, {1010 * time.Millisecond, true}, {990 * time.Millisecond, true},
		{510 * time.Millisecond, true}, {490 * time.Millisecond, false}, {990 * time.Millisecond, false},
	} {
		own.set(step.ahead)
		if off = c.off(at, off); off != step.want {
			t.Errorf("with %v: off %v", step.ahead, off)
		}
	}
}

func TestClocksAreForgotten(t *testing.T) {
	c, _ := testClocks(3)
	at := time.Now()
	hear(c, at, 0, 0)
	if _, ok := c.trusted(at.Add(sampleLife / 2)); !ok {
		t.Error("forgotten too early")
	}
	if _, ok := c.trusted(at.Add(2 * sampleLife)); ok {
		t.Error("not forgotten")
	}
}

// A majority that is wrong for a few seconds does no harm, nor does the only
// clock of a cluster of one.
func TestAStepOfTheMajorityHasToLast(t *testing.T) {
	for members, others := range map[int]int{1: 0, 3: 2} {
		c, own := testClocks(members)
		at := time.Now()
		ahead := func(after, ahead time.Duration) time.Duration {
			own.set(ahead)
			hear(c, at.Add(after), slices.Repeat([]time.Duration{ahead}, others)...)
			got, ok := c.trusted(at.Add(after))
			if !ok {
				t.Fatal("not known")
			}
			return time.UnixMicro(got).Sub(at.Add(after)).Round(10 * time.Millisecond)
		}
		for _, step := range []struct{ after, set, want time.Duration }{
			{0, 0, 0},
			{time.Second, 25 * time.Hour, 0},
			{6 * time.Second, 25 * time.Hour, 0},
			{7 * time.Second, 0, 0},
			{8 * time.Second, time.Hour, 0},
			{stepPatience, time.Hour, 0},
			{8*time.Second + stepPatience, time.Hour, time.Hour},
			{9*time.Second + stepPatience, time.Hour, time.Hour},
		} {
			if got := ahead(step.after, step.set); got != step.want {
				t.Errorf("%d members, %v after %v: the time is %v ahead, want %v", members, step.set, step.after, got, step.want)
			}
		}
	}
}

func TestClock(t *testing.T) {
	shared, own := testClocks(1)
	shared.bound = time.Hour.Microseconds() // steps are none of this test
	c := NewStamper(shared)
	now := func(machine int64) time.Duration {
		t.Helper()
		got, ok := c.Now(machine)
		if !ok {
			t.Fatal("not known")
		}
		return time.Until(time.UnixMicro(got)).Round(100 * time.Millisecond)
	}
	if got := now(0); got != 0 {
		t.Errorf("%v ahead of the wall clock", got)
	}
	machine := time.Now().Add(10 * time.Minute).UnixMicro()
	if got := now(machine); got != 10*time.Minute {
		t.Errorf("%v ahead, want the machine's time", got)
	}
	if wait, _ := c.Until(machine+1_000_000, machine); wait.Round(100*time.Millisecond) != 2*time.Second {
		t.Errorf("a second of the machine's takes %v, want 2s", wait)
	}
	c.at = c.at.Add(-2 * time.Minute) // two minutes pass
	if got := now(machine); got != 11*time.Minute {
		t.Errorf("%v ahead: it does not go on from the machine's time at half speed", got)
	}
	own.set(20 * time.Minute)
	if got := now(machine); got != 20*time.Minute {
		t.Errorf("%v ahead, want the wall clock, which has caught up", got)
	}
	if wait, _ := c.Until(time.Now().Add(21*time.Minute).UnixMicro(), machine); wait.Round(100*time.Millisecond) != time.Minute {
		t.Errorf("a minute takes %v", wait)
	}
	own.set(-20 * time.Minute)
	if got := now(0); got != 20*time.Minute {
		t.Errorf("%v ahead: it went back with the wall clock", got)
	}
}

// Of all that begins at the machine's time, half speed at first.
func TestUntilTheClocksHaveCaughtUp(t *testing.T) {
	shared, _ := testClocks(1)
	c := NewStamper(shared)
	machine := time.Now().Add(time.Second).UnixMicro()
	if wait, _ := c.Until(time.Now().Add(10*time.Second).UnixMicro(), machine); wait.Round(100*time.Millisecond) != 10*time.Second {
		t.Errorf("%v, want 10s: it is ten seconds away by the clocks", wait)
	}
}

// heldReasons are the reasons against leading.
type heldReasons map[string]string

func (r heldReasons) Forbid(key, reason string) { r[key] = reason }
func (r heldReasons) Allow(key string)          { delete(r, key) }

// When nobody leads because of the clocks, they are no reason any more.
func TestTheClockGivesWay(t *testing.T) {
	shared, own := testClocks(3)
	leads, reasons := true, heldReasons{}
	w := NewWatch(shared, reasons, func() bool { return leads }, slog.New(slog.DiscardHandler))
	at := time.Now()
	own.set(time.Hour)
	fit := func(after time.Duration) bool {
		hear(shared, at.Add(after), 0, 0)
		w.look(at.Add(after))
		return len(reasons) == 0
	}
	for _, step := range []struct {
		after time.Duration
		leads bool
		fit   bool
	}{
		{0, true, false},
		{time.Second, false, false},
		{time.Second + truceLength, false, false},
		{2*time.Second + truceLength, false, true},
		{2*time.Second + 2*truceLength - time.Millisecond, true, true},
		{2*time.Second + 2*truceLength, true, false},
		{time.Minute, false, false},
	} {
		leads = step.leads
		if got := fit(step.after); got != step.fit {
			t.Errorf("after %v: fit %v, want %v", step.after, got, step.fit)
		}
	}
}
