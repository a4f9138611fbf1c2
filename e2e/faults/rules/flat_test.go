package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFlat(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(i int, s *Sample)
	}{
		{"all stays, and the disk has what records take", "", func(int, *Sample) {}},
		{"caches fill first", "", func(i int, s *Sample) { s.Memory = int64(min(i, 10)) << 26 }},
		{"memory goes up and down", "", func(i int, s *Sample) { s.Memory += int64(i%3) << 25 }},
		{"memory grows", "had 1073741824 bytes of memory in the second quarter, and has 2415919104 in the last", func(i int, s *Sample) { s.Memory = int64(i+1) << 26 }},
		{"descriptors are left open", "descriptors", func(i int, s *Sample) { s.Descriptors = 40 + 2*i }},
		{"goroutines are left", "goroutines", func(i int, s *Sample) { s.Goroutines = 100 + 3*i }},
		{"a record takes more and more disk", "bytes of disk for a record", func(i int, s *Sample) { s.Disk = int64(i*i*i) << 14 }},
		{"the log is cut now and then", "", func(i int, s *Sample) { s.Disk += int64(i%5) << 23 }},
		{"it was started again", "another process", func(i int, s *Sample) { s.PID = i / 20 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []Sample
			for i := range 40 {
				s := Sample{Node: "n1", PID: 7, At: time.Duration(i) * time.Minute, Memory: 1 << 30, Descriptors: 40, Goroutines: 100, Disk: int64(i) << 20, Records: 5000 * i}
				c.change(i, &s)
				all = append(all, s)
			}
			found := Flat(all)
			if c.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0].What, c.want)
		})
	}
	require.Empty(t, Flat([]Sample{{Node: "n1", Memory: 1}, {Node: "n1", Memory: 1 << 40}}), "two moments say nothing")
}
