package health

import (
	"log/slog"
	"testing"
	"time"
)

// A member makes way while it is short and another has room, and not where that
// leaves nobody.
func TestAShortDiskMakesWay(t *testing.T) {
	fit := NewFitness(slog.New(slog.DiscardHandler), time.Second)
	var room Room
	var led, better bool
	w := NewRoomWatch(fit, func() Room { return room }, func() bool { return led }, func() bool { return better })
	now := time.Now()
	for i, step := range []struct {
		after       time.Duration
		short       string
		led, better bool
		fit         bool
	}{
		{0, "", true, true, true},
		{time.Second, "1 MiB", true, true, false},
		{time.Second, "1 MiB", true, false, true}, // now all are short
		{time.Second, "1 MiB", true, true, false},
		{time.Second, "1 MiB", false, false, false}, // an election
		{2 * time.Second, "1 MiB", false, false, false},
		{time.Second, "1 MiB", true, true, false}, // the other has won it
		{time.Second, "1 MiB", false, false, false},
		{4 * time.Second, "1 MiB", false, true, true}, // nobody can win without this one
		{time.Second, "1 MiB", true, true, true},
		{time.Minute, "1 MiB", true, true, false},
		{time.Second, "", true, true, true},
	} {
		now = now.Add(step.after)
		room.Short, led, better = step.short, step.led, step.better
		w.Look(now)
		if fit.Fit() != step.fit {
			t.Fatalf("step %d: fit is %v", i, fit.Fit())
		}
	}
}
