// Package metrics is what a node shows to Prometheus. Collectors read what the node
// knows when they are asked; what has to be measured on the path of a request is
// counted in a latency.Histogram, and made into Prometheus's form here. Each metric is
// in docs/metrics.md, which the tests hold against what nodes export.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bpsc/bpsc/internal/latency"
)

// The bounds of an answer. What it has is bounded by the contracts, members and routes
// that there are; see docs/adr/0046-metrics.md.
const (
	// maxScrapes is how many may be under way: a pair of servers that scrape, and
	// somebody who looks.
	maxScrapes = 4
	// scrapeTimeout is Prometheus's own default. Nobody waits for more.
	scrapeTimeout = 10 * time.Second
)

// Handler serves what collectors say when they are asked, with the runtime's own
// figures and the process's.
func Handler(own ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(own...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout})
}

// collector implements prometheus.Collector. Which metrics there are depends on the
// chains that there are, so that it describes none.
type collector func(out metrics)

// Describe implements prometheus.Collector.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) { c(metrics{ch}) }

// metrics is where a collector writes to.
type metrics struct{ ch chan<- prometheus.Metric }

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bpsc_"+name, help, labels, nil)
}

func (m metrics) gauge(d *prometheus.Desc, value float64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (m metrics) flag(d *prometheus.Desc, is bool, labels ...string) {
	value := 0.0
	if is {
		value = 1
	}
	m.gauge(d, value, labels...)
}

// moment is a time as Prometheus has it: unix seconds, and 0 for never.
func (m metrics) moment(d *prometheus.Desc, at time.Time, labels ...string) {
	if at.IsZero() {
		m.gauge(d, 0, labels...)
		return
	}
	m.gauge(d, float64(at.UnixMicro())/1e6, labels...)
}

func (m metrics) counter(d *prometheus.Desc, value uint64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func (m metrics) histogram(d *prometheus.Desc, h *latency.Histogram, labels ...string) {
	below, count := h.Cumulative()
	buckets := make(map[float64]uint64, len(below))
	for bound, n := range below {
		buckets[bound.Seconds()] = n
	}
	m.ch <- prometheus.MustNewConstHistogram(d, count, h.Total().Seconds(), buckets, labels...)
}
