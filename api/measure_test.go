package api

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/problem"
)

// Each request is measured once, by its route and not its path, also one that has no
// route, is refused before it has one, or panics.
func TestRequestsAreMeasured(t *testing.T) {
	type measured struct {
		route, method string
		status        int
	}
	var mu sync.Mutex
	var all []measured
	cfg := DefaultConfig()
	cfg.Measure = func(route, method string, status int, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		require.Positive(t, took)
		all = append(all, measured{route, method, status})
	}
	problems := map[string]int{}
	cfg.Problem = func(code string) { problems[code]++ }
	cfg.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the collectors do") })
	h := newHandlerWith(t, cfg, newFake())
	call(h, "GET", "/v1/blocks/1", "")
	call(h, "GET", "/v1/blocks/1?nonsense=1", "")
	call(h, "GET", "/v1/nothing/here", "")
	call(h, "POST", "/v1/transactions:batch", "{")
	call(h, "GET", "/metrics", "")
	require.Equal(t, map[string]int{"invalid_field": 1, "path_unknown": 1, "invalid_json": 1, "internal": 1}, problems)
	require.Subset(t, problem.Codes(), slices.Collect(maps.Keys(problems)))
	require.Equal(t, []measured{
		{"/v1/blocks/:index", "GET", 200}, {"/v1/blocks/:index", "GET", 400}, {"", "GET", 404},
		{"/v1/transactions:batch", "POST", 400}, {"/metrics", "GET", 500},
	}, all)
}

// Every line of the log about a request has the name that its answer has, and the trace
// that it belongs to, where that is one.
func TestLinesAboutARequestNameIt(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	var log bytes.Buffer
	cfg := DefaultConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f := newFake()
	h, err := New(cfg, f, panicking{f}, f, f)
	require.NoError(t, err)
	h = conforming(t, h)
	for _, path := range []string{"/v1/accounts/a", "/v1/contracts"} { // one panics
		log.Reset()
		rec := call(h, "GET", path, "", "Traceparent", trace)
		require.NotEmpty(t, log.String())
		for line := range strings.Lines(log.String()) {
			require.Contains(t, line, "request_id="+rec.Header().Get("X-Request-Id"))
			require.Contains(t, line, "traceparent="+trace)
		}
	}
	log.Reset()
	call(h, "GET", "/v1/contracts", "", "Traceparent", trace+"; DROP TABLE")
	require.NotContains(t, log.String(), "DROP", "what is no trace is not in the log")
}
