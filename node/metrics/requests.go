package metrics

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/internal/latency"
)

// Requests measures requests by route, method and class of the answer's status. Its
// size is bounded by the routes: what has none counts as one, whatever its path and its
// method are. It is safe for concurrent use.
type Requests struct {
	mu sync.Mutex // of those who add to seen
	// seen is replaced and never changed, so that reading it takes no lock.
	seen atomic.Pointer[map[request]*latency.Histogram]
}

type request struct {
	route, method string
	class         int // 2 of 200
}

// NewRequests returns a Requests that has seen none.
func NewRequests() *Requests {
	r := &Requests{}
	r.seen.Store(&map[request]*latency.Histogram{})
	return r
}

// Measure counts a request. route is the pattern that it matched; "": none.
func (r *Requests) Measure(route, method string, status int, took time.Duration) {
	if route == "" {
		method = ""
	}
	key := request{route, method, status / 100}
	h := (*r.seen.Load())[key]
	if h == nil {
		h = r.add(key)
	}
	h.Observe(took)
}

func (r *Requests) add(key request) *latency.Histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := *r.seen.Load()
	if h := seen[key]; h != nil {
		return h
	}
	h := &latency.Histogram{}
	more := maps.Clone(seen)
	more[key] = h
	r.seen.Store(&more)
	return h
}

// Describe implements prometheus.Collector.
func (*Requests) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *Requests) Collect(ch chan<- prometheus.Metric) {
	took := metric("http_request_duration_seconds", "Time from a request's header to the end of its answer.", "route", "method", "status")
	for q, h := range *r.seen.Load() {
		route := q.route
		if route == "" {
			route = "none"
		}
		metrics{ch}.histogram(took, h, route, q.method, string(rune('0'+q.class))+"xx")
	}
}

// Around measures the requests that h serves: a http.ServeMux, or what hands its request
// on to one as it is.
func (r *Requests) Around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer, began := &answer{w, http.StatusOK}, time.Now()
		defer func() {
			route := q.Pattern
			if _, path, ok := strings.Cut(route, " "); ok {
				route = path
			}
			r.Measure(route, q.Method, answer.status, time.Since(began))
		}()
		h.ServeHTTP(answer, q)
	})
}

// answer notes the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
