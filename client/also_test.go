package client

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that is gone is no reason not to ask those that it had named.
func TestFurtherServersAreAskedToo(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	there := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write([]byte(`{"by": "` + r.Header.Get("Authorization") + `"}`))
	}))
	defer there.Close()
	c, err := New(gone.URL)
	require.NoError(t, err)
	c.Token = "known"
	gone.Close()
	both, err := c.Also(gone.URL, there.URL)
	require.NoError(t, err)
	require.Len(t, both.servers, 2)
	require.Equal(t, "known", both.Token)
	answer, err := both.Get(t.Context(), "/v1/cluster")
	require.NoError(t, err)
	require.Contains(t, string(answer), "by")
	_, err = c.Also("ftp://x")
	require.Error(t, err)
}
