package lab

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// Settable has a bpsc read from a file beside its folder how far its clock is ahead: one
// process's clock alone cannot be set in Linux.
var Settable = []harness.Patch{
	{File: "cluster/clock/majority.go", Old: "\t\"slices\"\n", New: "\t\"os\"\n\t\"slices\"\n\t\"strings\"\n"},
	{File: "cluster/clock/majority.go", Old: "wall = time.Time.UnixMicro", New: `wall = func(at time.Time) int64 {
			folder := slices.Index(os.Args, "--data") + 1
			if folder == 0 {
				return at.UnixMicro()
			}
			text, _ := os.ReadFile(os.Args[folder] + ".clock")
			ahead, _ := time.ParseDuration(strings.TrimSpace(string(text)))
			return at.Add(ahead).UnixMicro()
		}`},
}

// setClock sets a member's clock that far ahead of the true time.
func setClock(m *harness.Member, ahead time.Duration) error {
	next := m.Data + ".clock.next"
	if err := os.WriteFile(next, []byte(ahead.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(next, m.Data+".clock")
}

// jumping is how often a clock jumps.
const jumping = 700 * time.Millisecond

// strikeClock has a member's clock be wrong.
func (w *World) strikeClock(_ context.Context, s plan.Step, one []int) (struck, error) {
	if !w.Clocks {
		return struck{}, errors.New("it takes a build whose clock can be set")
	}
	if len(one) == 0 {
		return struck{}, errNobody
	}
	m := w.Cluster.Members[one[0]]
	if s.Fault == "clock-drifts" {
		return w.drift(m, s.Pick%2 == 0), nil
	}
	ahead := map[string]time.Duration{"clock-ahead": time.Hour, "clock-behind": -time.Hour, "clock-jumps": 2 * time.Hour}[s.Fault]
	w.mark(m.ID, s.Fault, true)
	err := setClock(m, ahead)
	jumps, _ := aside(m.ID, func(ctx context.Context) {
		ticker := time.NewTicker(jumping)
		defer ticker.Stop()
		for s.Fault == "clock-jumps" {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				ahead = -ahead
				_ = setClock(m, ahead) // the end sets it right, and says where that fails
			}
		}
	})
	return struck{m.ID, func(ctx context.Context) error {
		err := errors.Join(jumps.end(ctx), setClock(m, 0))
		w.mark(m.ID, s.Fault, false)
		return err
	}}, err
}

// drifting is how often a clock that drifts is set, and driftPart the part of the time by which: it
// gets beyond the second that members allow each other within a round.
const (
	drifting  = 20 * time.Millisecond
	driftPart = 0.4
)

// drift has a member's clock gain, or lose, a little all the time.
func (w *World) drift(m *harness.Member, gains bool) struck {
	w.mark(m.ID, "clock-drifts", true)
	began := time.Now()
	drifts, _ := aside(m.ID, func(ctx context.Context) {
		ticker := time.NewTicker(drifting)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			off := time.Duration(driftPart * float64(time.Since(began)))
			if !gains {
				off = -off
			}
			_ = setClock(m, off) // the end sets it right, and says where that fails
		}
	})
	return struck{m.ID, func(ctx context.Context) error {
		err := errors.Join(drifts.end(ctx), setClock(m, 0))
		w.mark(m.ID, "clock-drifts", false)
		return err
	}}
}
