package relay

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is relayed belongs to the trace of the request that came, as its name is that
// request's.
func TestARelayPassesTheTraceOn(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	l := newLedger()
	r := newRelay(t, true, serve(t, l, good))
	q := keyed()
	q.Header.Set("X-Request-Id", "r1")
	q.Header.Set("Traceparent", trace)
	q.Header["Tracestate"] = []string{"vendor=1"}
	_, err := r.Do(t.Context(), q)
	require.NoError(t, err)
	q = keyed()
	q.Header.Set("Traceparent", "made up")
	q.Header["Tracestate"] = []string{"vendor=1"}
	_, err = r.Do(t.Context(), q)
	require.NoError(t, err)
	seen := l.requests()
	require.Equal(t, []string{trace, "vendor=1", "r1"}, headers(seen[0], "Traceparent", "Tracestate", "X-Request-Id"))
	require.Equal(t, []string{"", ""}, headers(seen[1], "Traceparent", "Tracestate"))
}

func headers(r *http.Request, names ...string) (values []string) {
	for _, name := range names {
		values = append(values, r.Header.Get(name))
	}
	return values
}
