package health

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func testFitness() *Fitness { return NewFitness(slog.New(slog.DiscardHandler), time.Second) }

// Whom it waits for is told anew when there was a leader, and forgotten when the
// member answers.
func TestAbsences(t *testing.T) {
	var out bytes.Buffer
	count := func(what string) int { return strings.Count(out.String(), what) }
	leads := false
	peers := map[string]string{"n1": "h1:1", "n2": "h2:1", "n3": "h3:1"}
	a := NewAbsences(slog.New(slog.NewTextHandler(&out, nil)), time.Second, NewRunClock(time.Second), func() bool { return leads })
	a.Follow(peers, []string{"n1", "n2", "n3"})
	wait := func() {
		a.clock.ran.Add(int64(a.limit + 1))
		a.Look()
		a.Look()
	}
	a.Missed("n2", "it belongs to another cluster")
	a.Look()
	if count("no leader") > 0 {
		t.Error("it complains before an election could end")
	}
	a.Missed("n3", "")
	wait()
	a.Heard("n2")
	a.Look()
	if count("hears a majority") > 0 {
		t.Error("it complains before a majority could elect somebody")
	}
	wait()
	if all, one := count("waits for n2, n3"), count("hears a majority"); all != 1 || one != 1 {
		t.Errorf("told %d and %d times:\n%s", all, one, out.String())
	}
	leads = true
	a.Look()
	leads = false
	wait()
	if n := count("hears a majority"); n != 2 {
		t.Errorf("told %d times after another leader", n)
	}
}

// watched is a member that follows n1 and keeps up; tests change it.
type watched struct {
	leader  string
	silent  bool // the leader does not say how far it is
	applied uint64
}

func (w *watched) OtherLeader() (string, bool)     { return w.leader, w.leader != "" }
func (w *watched) Committed(string) (uint64, bool) { return 10, !w.silent }
func (w *watched) Applied() uint64                 { return w.applied }

func TestLag(t *testing.T) {
	steps := map[string]struct {
		before func(*Lag, *watched)
		want   string
		later  func(*Lag, *watched)
	}{
		"keeps up":       {func(*Lag, *watched) {}, "", func(*Lag, *watched) {}},
		"does not apply": {func(_ *Lag, w *watched) { w.applied = 9 }, "committed", func(_ *Lag, w *watched) { w.applied = 10 }},
		"hears nothing":  {func(_ *Lag, w *watched) { w.silent = true }, "has not said", func(_ *Lag, w *watched) { w.leader = "" }},
		"no answer":      {func(l *Lag, _ *watched) { l.Passing("n1") }, "answered nothing", func(l *Lag, _ *watched) { l.Answered(false) }},
		"long ago":       {func(l *Lag, _ *watched) { l.Passing("n1") }, "answered nothing", func(l *Lag, _ *watched) { l.clock.ran.Add(int64(unansweredPause)) }},
		"other leader":   {func(l *Lag, _ *watched) { l.Passing("n1") }, "answered nothing", func(_ *Lag, w *watched) { w.leader = "n2" }},
		"an answer":      {func(l *Lag, _ *watched) { l.Passing("n1"); l.Answered(true) }, "answered nothing", func(l *Lag, _ *watched) { l.Answered(true) }},
	}
	for name, s := range steps {
		t.Run(name, func(t *testing.T) {
			w := &watched{leader: "n1", applied: 10}
			l := NewLag(time.Second, NewRunClock(time.Millisecond), w)
			l.clock.ran.Add(1)
			s.before(l, w)
			l.Look()
			if why := l.Reason(); why != "" {
				t.Errorf("at once it says %q", why)
			}
			l.clock.ran.Add(int64(l.limit + 1))
			l.Look()
			if why := l.Reason(); !strings.Contains(why, s.want) || (why == "") != (s.want == "") {
				t.Errorf("late it says %q, want %q", why, s.want)
			}
			s.later(l, w)
			l.Look()
			if why := l.Reason(); why != "" {
				t.Errorf("at the end it says %q", why)
			}
		})
	}
}

// The pause grows, to a bound, and shrinks when it was long ago.
func TestReachPauses(t *testing.T) {
	p := NewProgress(1500*time.Millisecond, NewRunClock(time.Millisecond), testFitness(), func() bool { return true })
	p.Follow([]string{"n1", "n2"})
	next := func() time.Duration {
		p.Sent("n2")
		p.clock.ran.Add(int64(p.limit + 1))
		p.Look()
		if p.fitness.Fit() {
			t.Fatal("it is fit")
		}
		pause := p.pause
		p.clock.ran.Add(int64(pause))
		clear(p.waiting)
		p.Look()
		if !p.fitness.Fit() {
			t.Fatal("it is not fit after the pause")
		}
		return pause
	}
	var last time.Duration
	for range 6 {
		pause := next()
		if pause < last || pause > maxReachPause {
			t.Errorf("a pause of %v after one of %v", pause, last)
		}
		last = pause
	}
	if last != maxReachPause {
		t.Errorf("the pause grew to %v, not %v", last, maxReachPause)
	}
	p.clock.ran.Add(int64(reachMemory))
	if pause := next(); pause != p.limit {
		t.Errorf("long after, the pause is %v, not %v", pause, p.limit)
	}
}

// Time in which the process did not run is not held against the disk, however
// often it stood still; a disk that hangs then is noticed all the same.
func TestPausesAreNotTheDisks(t *testing.T) {
	clock := NewRunClock(250 * time.Millisecond)
	fatal := make(chan error, 1)
	w := NewWatchdog(10*time.Second, clock, testFitness(), func(err error) { fatal <- err })
	_ = w.During("writing to the log", func() error {
		for range 20 {
			clock.advance(15 * time.Second)
			w.Check()
		}
		if len(fatal) > 0 {
			t.Fatalf("pauses were taken for a hang: %v", <-fatal)
		}
		for range 40 {
			clock.advance(250 * time.Millisecond)
			w.Check()
		}
		return nil
	})
	if len(fatal) != 1 {
		t.Error("a disk that hangs was not noticed")
	}
}

// A member whose disk stands still for seconds does not lead, and leads again when it
// was only slow.
func TestASlowDiskDoesNotLead(t *testing.T) {
	clock, fit := NewRunClock(250*time.Millisecond), testFitness()
	w := NewWatchdog(10*time.Second, clock, fit, func(err error) { t.Error(err) })
	wait := func(d time.Duration) {
		for ; d > 0; d -= 250 * time.Millisecond {
			clock.advance(250 * time.Millisecond)
			w.Check()
		}
	}
	_ = w.During("writing to the log", func() error {
		wait(2500 * time.Millisecond)
		if !fit.Fit() {
			t.Errorf("it is called slow too early: %v", fit.Why())
		}
		wait(time.Second)
		if why := fit.Why(); len(why) != 1 || why[0] != "writing to the log takes longer than 2.5s: the disk hangs" {
			t.Errorf("after 3.5s: %q", why)
		}
		wait(5 * time.Second)
		return nil
	})
	w.Check()
	if !fit.Fit() {
		t.Errorf("it was only slow: %v", fit.Why())
	}
}

// Only what can have no good reason any more has the process ended from outside: a
// write for the limit, the machine and raft's goroutine for six times that.
func TestStuck(t *testing.T) {
	const limit = time.Minute // a test that gets no processor for so long is not looked for
	for name, s := range map[string]struct {
		begin func(*Watchdog)
		after time.Duration
		want  string
	}{
		"nothing":            {func(*Watchdog) {}, time.Hour, ""},
		"a write":            {func(w *Watchdog) { w.Begin(diskTask, "a write") }, limit, ""},
		"a write for long":   {func(w *Watchdog) { w.Begin(diskTask, "a write") }, limit + 1, "a write takes longer than 1m0s"},
		"Apply":              {func(w *Watchdog) { w.Begin(ApplyTask, "Apply") }, hangFactor * limit, ""},
		"Apply for long":     {func(w *Watchdog) { w.Begin(ApplyTask, "Apply") }, hangFactor*limit + 1, "Apply takes longer than 6m0s"},
		"the loop":           {func(w *Watchdog) { w.Begin(LoopTask, "the loop") }, hangFactor * limit, ""},
		"the loop for long":  {func(w *Watchdog) { w.Begin(LoopTask, "the loop") }, hangFactor*limit + 1, "the loop takes longer than 6m0s"},
		"a snapshot":         {func(w *Watchdog) { w.Begin(SnapshotTask, "a snapshot") }, time.Hour, ""},
		"the loop goes on":   {func(w *Watchdog) { w.End(w.Begin(LoopTask, "the loop")) }, time.Hour, ""},
		"the clock stood":    {func(w *Watchdog) { w.clock.last.Store(int64(time.Since(w.clock.made) - limit - 1)) }, 0, "the watchdog has not looked for 1m0s"},
		"the clock goes on":  {func(w *Watchdog) { w.clock.last.Store(int64(time.Since(w.clock.made))) }, 0, ""},
		"the loop and Check": {func(w *Watchdog) { w.Begin(LoopTask, "the loop"); w.clock.ran.Add(int64(time.Hour)); w.Check() }, 0, "the loop takes"},
	} {
		t.Run(name, func(t *testing.T) {
			fit := testFitness()
			w := NewWatchdog(limit, NewRunClock(limit), fit, func(err error) { t.Error(err) })
			s.begin(w)
			w.clock.ran.Add(int64(s.after))
			if got := w.Stuck(); !strings.HasPrefix(got, s.want) || (got == "") != (s.want == "") {
				t.Errorf("it says %q, want %q", got, s.want)
			}
			if s.want == "" {
				return
			}
			if why := fit.Why(); len(why) > 0 {
				t.Errorf("it is unfit: %q", why)
			}
		})
	}
}
