package rules

import (
	"fmt"
	"slices"
	"time"
)

// Sample is what a process uses at a moment.
type Sample struct {
	Node        string
	PID         int
	At          time.Duration // since the beginning of the run
	Memory      int64         // anonymous, in bytes: what no file stands behind
	Descriptors int           // that are open, but for files of its data folder
	Goroutines  int           // 0 where the process does not tell
	Disk        int64         // of its data folder, in bytes
	Records     int           // in all chains by then
}

// A soak is judged from its second quarter on: what fills up first, caches above all, is full by
// then. Less than leastSamples of a process say nothing.
const leastSamples = 8

// What may come and go, whatever the size: a connection here, a table there.
const (
	slackMemory = 32 << 20
	slackThings = 16
	slackDisk   = 64 << 20
)

// Flat finds processes that use more and more: memory, descriptors and goroutines while they do the
// same, and disk for each record. It is for runs in which nothing goes wrong.
func Flat(all []Sample) (found []Finding) {
	var nodes []string
	by := map[string][]Sample{}
	for _, s := range all {
		if by[s.Node] == nil {
			nodes = append(nodes, s.Node)
		}
		by[s.Node] = append(by[s.Node], s)
	}
	for _, node := range nodes {
		of := by[node]
		say := func(format string, args ...any) {
			found = append(found, Finding{StaysFlat, node + " " + fmt.Sprintf(format, args...)})
		}
		first, last := of[0], of[len(of)-1]
		if first.PID != last.PID {
			say("is another process than at the beginning")
			continue
		}
		if len(of) < leastSamples {
			continue
		}
		early, late := of[len(of)/4:len(of)/2], of[len(of)-len(of)/4:]
		for _, one := range []struct {
			what  string
			of    func(Sample) int64
			share int64 // one of so many may come beside the slack
			slack int64
		}{
			{"bytes of memory", func(s Sample) int64 { return s.Memory }, 4, slackMemory},
			{"descriptors", func(s Sample) int64 { return int64(s.Descriptors) }, 8, slackThings},
			{"goroutines", func(s Sample) int64 { return int64(s.Goroutines) }, 8, slackThings},
		} {
			before, after := median(early, one.of), median(late, one.of)
			if after > before+before/one.share+one.slack {
				say("had %d %s in the second quarter, and has %d in the last", before, one.what, after)
			}
		}
		from, middle := of[len(of)/4], of[len(of)*5/8]
		if before, after := perRecord(from, middle), perRecord(middle, last); after > 2*before && last.Disk-middle.Disk > slackDisk {
			say("took %.0f bytes of disk for a record, and takes %.0f", before, after)
		}
	}
	return found
}

func median(of []Sample, what func(Sample) int64) int64 {
	var values []int64
	for _, s := range of {
		values = append(values, what(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func perRecord(from, to Sample) float64 {
	return float64(to.Disk-from.Disk) / float64(max(1, to.Records-from.Records))
}
