package api

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	cfg.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the collectors do") })
	h := newHandlerWith(t, cfg, newFake())
	call(h, "GET", "/v1/blocks/1", "")
	call(h, "GET", "/v1/blocks/1?nonsense=1", "")
	call(h, "GET", "/v1/nothing/here", "")
	call(h, "POST", "/v1/transactions:batch", "{")
	call(h, "GET", "/metrics", "")
	require.Equal(t, []measured{
		{"/v1/blocks/:index", "GET", 200}, {"/v1/blocks/:index", "GET", 400}, {"", "GET", 404},
		{"/v1/transactions:batch", "POST", 400}, {"/metrics", "GET", 500},
	}, all)
}
