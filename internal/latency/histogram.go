// Package latency counts how long something takes, cheaply enough to be counted
// always.
package latency

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Each doubling of the microseconds is cut into four buckets, so what is read back is
// off by a quarter at most.
const (
	subBits = 2
	buckets = 64 << subBits
)

// Histogram counts durations since it was made. The zero value is empty. It is safe
// for concurrent use; what is read beside writes may miss the newest.
type Histogram struct {
	counts  [buckets]atomic.Uint64
	total   atomic.Int64 // nanoseconds
	longest atomic.Int64 // nanoseconds
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d.Microseconds()))].Add(1)
	h.total.Add(int64(d))
	for {
		longest := h.longest.Load()
		if int64(d) <= longest || h.longest.CompareAndSwap(longest, int64(d)) {
			return
		}
	}
}

// Summary is what a Histogram has counted. Quantiles are never too small, and up to a
// quarter too large.
type Summary struct {
	Count         uint64
	Total         time.Duration
	P50, P99, Max time.Duration
}

// Summary sums up.
func (h *Histogram) Summary() Summary {
	var counts [buckets]uint64
	s := Summary{Total: time.Duration(h.total.Load()), Max: time.Duration(h.longest.Load())}
	for i := range counts {
		counts[i] = h.counts[i].Load()
		s.Count += counts[i]
	}
	s.P50, s.P99 = min(quantile(&counts, s.Count, 50), s.Max), min(quantile(&counts, s.Count, 99), s.Max)
	return s
}

// Bounds are those that Cumulative counts by: powers of two of microseconds, the
// ends of buckets, from 128 µs to 16.8 s.
func Bounds() []time.Duration {
	bounds := make([]time.Duration, 18)
	for i := range bounds {
		bounds[i] = (128 * time.Microsecond) << i
	}
	return bounds
}

// Cumulative is how many of the durations were below each of Bounds, and how many there
// were.
func (h *Histogram) Cumulative() (below map[time.Duration]uint64, count uint64) {
	bounds := Bounds()
	below = make(map[time.Duration]uint64, len(bounds))
	at := 0
	for i := range h.counts {
		for at < len(bounds) && time.Duration(endOf(i-1))*time.Microsecond >= bounds[at] {
			below[bounds[at]] = count
			at++
		}
		count += h.counts[i].Load()
	}
	return below, count
}

// Total is how long all of it took together.
func (h *Histogram) Total() time.Duration { return time.Duration(h.total.Load()) }

// quantile is the end of the bucket that has the percent-th part of so many.
func quantile(counts *[buckets]uint64, of, percent uint64) time.Duration {
	rank := (of*percent + 99) / 100
	for i, n := range counts {
		if n >= rank {
			return time.Duration(endOf(i)) * time.Microsecond
		}
		rank -= n
	}
	return 0
}

func bucketOf(micros uint64) int {
	if micros < 1<<subBits {
		return int(micros)
	}
	shift := bits.Len64(micros) - 1 - subBits
	return (shift+1)<<subBits + int(micros>>shift)&(1<<subBits-1)
}

// endOf is the first number of microseconds beyond a bucket; the one before the first
// ends where that begins.
func endOf(bucket int) uint64 {
	if bucket < 1<<subBits {
		return uint64(bucket) + 1
	}
	shift := bucket>>subBits - 1
	return (uint64(1<<subBits+bucket&(1<<subBits-1)) + 1) << shift
}
