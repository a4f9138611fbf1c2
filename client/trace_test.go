package client

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Calls carry the trace of their context, and none that is not one.
func TestCallsBelongToATrace(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("traceparent"))
		rw.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	c, err := New(server.URL)
	require.NoError(t, err)
	for _, given := range []string{trace, "nonsense\r\nX: y", ""} {
		_, err := c.do(WithTrace(t.Context(), given), call{method: http.MethodGet, path: "/v1/contracts"})
		require.Error(t, err)
	}
	require.Equal(t, []string{trace, "", ""}, got)
}
