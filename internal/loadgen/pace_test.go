package loadgen

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Every request that is due before the end is counted once, and those of the warm-up are not
// of the measured time.
func TestPaceCountsWhatIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			Rate:     rapid.Float64Range(0.1, 1_000_000).Draw(t, "rate"),
			Warmup:   time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "warmup")),
			Duration: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "duration")),
		}
		start := time.Now()
		end := start.Add(o.Warmup + o.Duration)
		p := newPace(&o, start, end)
		if p.total > 0 && !p.due(p.total-1).Before(end) || p.due(p.total).Before(end) {
			t.Fatalf("%d are due before the end, the last %s before it", p.total, end.Sub(p.due(p.total-1)))
		}
		measured := start.Add(o.Warmup)
		if p.due(p.measured).Before(measured) || p.measured > 0 && !p.due(p.measured-1).Before(measured) {
			t.Fatalf("%d are due in the warm-up", p.measured)
		}
		if got := p.unsent(); got != uint64(p.total-p.measured) {
			t.Fatalf("%d unsent of %d", got, p.total-p.measured)
		}
	})
}
