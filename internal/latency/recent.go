package latency

import (
	"sync"
	"time"
)

// Recent tells what a Histogram has counted of late: of the last span at least, and of
// twice as long at most. It remembers no more than two moments, so it knows something only
// while it is asked, as often as once in a span. It is safe for concurrent use: mu guards
// what is below it.
type Recent struct {
	of   *Histogram
	span time.Duration

	mu     sync.Mutex
	turned time.Time       // when latest was read; before was, a turn earlier
	before [buckets]uint64 // what there was then
	latest [buckets]uint64
}

// NewRecent looks at a histogram.
func NewRecent(of *Histogram, span time.Duration) *Recent { return &Recent{of: of, span: span} }

// P99 is the 99th percentile of the durations of late, up to a quarter too large, and of
// how many; 0 of none where there were none, or nobody has asked for long.
func (r *Recent) P99(now time.Time) (p99 time.Duration, count uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var counts [buckets]uint64
	for i := range counts {
		counts[i] = r.of.counts[i].Load()
	}
	switch since := now.Sub(r.turned); {
	case since > 2*r.span:
		r.before, r.latest, r.turned = counts, counts, now
	case since >= r.span:
		r.before, r.latest, r.turned = r.latest, counts, now
	}
	for i := range counts {
		counts[i] -= r.before[i]
		count += counts[i]
	}
	return quantile(&counts, count, 99), count
}
