// Package report says what a run of the laboratory came to, for people: in Markdown, and as one
// page of HTML with a picture of it.
package report

import (
	"slices"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
)

// Point is one second of a run.
type Point struct {
	Acked         int // transactions acknowledged for the first time
	Failed        int // attempts without an answer, or with one that says to come again
	P50, P99, Max time.Duration
}

// Series collects seconds. Its methods are called by one goroutine.
type Series struct {
	points []Point
	took   map[int][]time.Duration
}

// Add notes operations.
func (s *Series) Add(ops []history.Op) {
	if s.took == nil {
		s.took = map[int][]time.Duration{}
	}
	for _, op := range ops {
		if op.Kind != history.Submit {
			continue
		}
		at := int(op.Ended / time.Second)
		for len(s.points) <= at {
			s.points = append(s.points, Point{})
		}
		switch op.Verdict {
		case history.Done:
			if !op.Replay {
				s.points[at].Acked++
			}
			s.took[at] = append(s.took[at], op.Ended-op.Began)
		case history.Unknown, history.NotApplied:
			s.points[at].Failed++
		}
	}
	for at, took := range s.took {
		slices.Sort(took)
		p := &s.points[at]
		p.P50, p.P99, p.Max = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	}
	// A second may be between two calls; what is older is complete.
	for at := range s.took {
		if at < len(s.points)-2 {
			delete(s.took, at)
		}
	}
}

// Points are the seconds so far.
func (s *Series) Points() []Point { return s.points }
