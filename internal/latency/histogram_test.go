package latency

import (
	"math"
	"testing"
	"time"
)

func TestQuantilesAreAQuarterTooLargeAtMost(t *testing.T) {
	var h Histogram
	if s := h.Summary(); s != (Summary{}) {
		t.Errorf("of nothing: %+v", s)
	}
	for i := range 1000 {
		h.Observe(time.Duration(i+1) * 100 * time.Microsecond)
	}
	h.Observe(-time.Second) // a clock that went back
	s := h.Summary()
	for name, c := range map[string]struct{ got, exact time.Duration }{"p50": {s.P50, 50 * time.Millisecond}, "p99": {s.P99, 99 * time.Millisecond}} {
		if c.got < c.exact-200*time.Microsecond || c.got > c.exact*5/4+time.Millisecond {
			t.Errorf("%s is %v, it should be %v", name, c.got, c.exact)
		}
	}
	if s.Count != 1001 || s.Max != 100*time.Millisecond || s.Total != 50050*time.Millisecond {
		t.Errorf("%+v", s)
	}
}

func TestEachDurationIsInTheBucketThatHoldsIt(t *testing.T) {
	before := 0
	for shift := range 63 {
		for _, micros := range []uint64{1<<shift - 1, 1 << shift, 1<<shift + 1} {
			b := bucketOf(micros)
			if b < before && micros >= 1<<shift || micros >= endOf(b) || b > 0 && micros < endOf(b-1) {
				t.Errorf("%d µs is in bucket %d, which ends at %d", micros, b, endOf(b))
			}
			before = b
		}
	}
	if b := bucketOf(math.MaxInt64 / 1000); b >= buckets {
		t.Errorf("the longest duration there is has no bucket: %d", b)
	}
}

// What is counted below a bound is what was below it, and not a bucket more or less.
func TestCumulativeIsExactAtTheBounds(t *testing.T) {
	var h Histogram
	bounds := Bounds()
	for _, b := range bounds {
		h.Observe(b - time.Microsecond)
		h.Observe(b)
	}
	h.Observe(time.Hour)
	below, count := h.Cumulative()
	if len(below) != len(bounds) || count != uint64(2*len(bounds)+1) {
		t.Fatalf("%d bounds, %d durations", len(below), count)
	}
	for i, b := range bounds {
		if want := uint64(2*i + 1); below[b] != want {
			t.Errorf("%d durations below %v, want %d", below[b], b, want)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for d := time.Duration(0); pb.Next(); d += time.Microsecond {
			h.Observe(d)
		}
	})
}
