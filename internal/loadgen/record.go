package loadgen

import (
	"maps"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What is told apart: a thousandth of a latency, from a microsecond to a hundred seconds. A
// longer one counts as that.
const (
	shortest = time.Microsecond
	longest  = 100 * time.Second
	digits   = 3
)

// Latency is how long requests took.
type Latency struct{ counts *hdrhistogram.Histogram }

func newLatency() Latency {
	return Latency{hdrhistogram.New(int64(shortest), int64(longest), digits)}
}

// Quantile is the latency that so many of a hundred requests do not exceed; 100 for the
// longest.
func (l Latency) Quantile(percent float64) time.Duration {
	return time.Duration(l.counts.ValueAtQuantile(percent))
}

// Max is the longest; zero of none, of which the library says half of what it tells apart.
func (l Latency) Max() time.Duration {
	if l.counts.TotalCount() == 0 {
		return 0
	}
	return time.Duration(l.counts.Max())
}

// Mean is the average.
func (l Latency) Mean() time.Duration { return time.Duration(l.counts.Mean()) }

func (l Latency) observe(d time.Duration) {
	// It fails for what is out of range, which nothing is.
	_ = l.counts.RecordValue(int64(min(max(d, shortest), longest)))
}

// recorder counts what becomes of requests. Everything is guarded by mu.
type recorder struct {
	duration time.Duration
	units    uint64 // of a request

	mu       sync.Mutex
	measures bool
	over     bool
	lastCut  time.Duration
	current  Latency // of the point that is not complete
	done     uint64  // requests of that point
	failed   uint64
	r        Result
}

func newRecorder(o *Options) *recorder {
	return &recorder{
		duration: o.Duration, units: uint64(o.Units), lastCut: -o.Warmup, current: newLatency(),
		r: Result{Latency: newLatency(), Failures: map[string]uint64{}},
	}
}

// success counts a request that was answered, after that long. In a closed loop it counts
// where it is answered in the measured time, in an open one where it was due in it: what the
// warm-up has left behind is its own. due is when that was, since the measured time began.
func (r *recorder) success(open bool, due, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.r.Acknowledged += r.units
	switch {
	case open && due < 0 && (r.measures || due+took >= 0):
		return
	case r.over && open: // answered late
		r.r.Latency.observe(took)
		return
	case r.over:
		return
	}
	r.done++
	r.current.observe(took)
}

// failure counts a request that was not answered with success, or an attempt at it.
func (r *recorder) failure(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.r.Failures[code]++
	r.failed++
}

func (r *recorder) retried() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.r.Retried++
}

// unknown counts a request of which nobody will know what became of it.
func (r *recorder) unknown() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.r.Unknown += r.units
}

// begin forgets what was before.
func (r *recorder) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measures, r.lastCut, r.done, r.failed = true, 0, 0, 0
	r.current.counts.Reset()
	clear(r.r.Failures)
	r.r.Retried = 0
}

// cut ends a point now.
func (r *recorder) cut(now time.Duration, measured bool) Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	length := max(now-r.lastCut, 1)
	p := Point{
		At: now, Length: length, Failed: r.failed, Rate: float64(r.done*r.units) / length.Seconds(),
		P50: r.current.Quantile(50), P99: r.current.Quantile(99), Max: r.current.Max(),
	}
	if measured {
		r.r.Points = append(r.r.Points, p)
		r.r.Requests += r.done
		r.r.Latency.counts.Merge(r.current.counts)
	}
	r.lastCut, r.done, r.failed = now, 0, 0
	r.current.counts.Reset()
	return p
}

// finish ends the measured time.
func (r *recorder) finish(now time.Duration) Point {
	p := r.cut(now, true)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over, r.r.Measured = true, now
	return p
}

func (r *recorder) result() *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.r
	result.Units = result.Requests * r.units
	result.Failures = maps.Clone(r.r.Failures)
	return &result
}
