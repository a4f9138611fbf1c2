package latency

import (
	"testing"
	"time"
)

// What was long ago does not count, and what nobody has followed is not guessed.
func TestRecentForgets(t *testing.T) {
	const span = 10 * time.Second
	var h Histogram
	h.Observe(time.Second)
	r, at := NewRecent(&h, span), time.Unix(1_800_000_000, 0)
	look := func(after time.Duration, want time.Duration, count uint64) {
		t.Helper()
		at = at.Add(after)
		p99, n := r.P99(at)
		if n != count || p99 < want || p99 > want*5/4+time.Microsecond {
			t.Errorf("%d durations, p99 %v; want %d, %v", n, p99, count, want)
		}
	}
	look(0, 0, 0) // from before it was asked
	h.Observe(40 * time.Millisecond)
	look(span/2, 40*time.Millisecond, 1)
	look(span/2, 40*time.Millisecond, 1)
	h.Observe(2 * time.Millisecond)
	look(span/2, 40*time.Millisecond, 2)
	look(span/2, 2*time.Millisecond, 1) // the slow one was more than a span ago
	look(span, 0, 0)
	h.Observe(time.Millisecond)
	look(3*span, 0, 0) // nobody knows when that was
}
