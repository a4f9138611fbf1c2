package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Problems counts the requests that were answered with a problem, by its code. Which
// codes there are does not change, so that each is shown from the start. It is safe for
// concurrent use.
type Problems struct{ by map[string]*atomic.Uint64 }

// NewProblems returns a Problems that has counted none of these codes.
func NewProblems(codes []string) *Problems {
	p := &Problems{by: make(map[string]*atomic.Uint64, len(codes))}
	for _, code := range codes {
		p.by[code] = &atomic.Uint64{}
	}
	return p
}

// Count counts one. A code that is none of those is left out.
func (p *Problems) Count(code string) {
	if n := p.by[code]; n != nil {
		n.Add(1)
	}
}

// Describe implements prometheus.Collector.
func (*Problems) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (p *Problems) Collect(ch chan<- prometheus.Metric) {
	problems := metric("http_problems_total", "Requests that were answered with a problem.", "code")
	for code, n := range p.by {
		metrics{ch}.counter(problems, n.Load(), code)
	}
}
