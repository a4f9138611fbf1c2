package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/outcome"
)

// untouched is a body that nobody is to read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) { u.t.Error("the body was read"); return 0, io.EOF }
func (untouched) Close() error               { return nil }

// A member that has more to order than it can refuses writes before it reads them, tells
// the client when to come again, and answers reads.
func TestWritesAreRefusedUnreadUnderOverload(t *testing.T) {
	f := newFake()
	f.busy = fmt.Errorf("%w: what came 2s ago waits", outcome.QueueFull)
	h, err := New(DefaultConfig(), f, f, f, f)
	require.NoError(t, err)
	h = conforming(t, h)
	for _, path := range []string{"/transactions/new", "/v1/transactions", "/v1/transactions:batch"} {
		r := httptest.NewRequest(http.MethodPost, path, untouched{t})
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		p := requireProblem(t, rec, http.StatusServiceUnavailable, "queue_full", "")
		require.True(t, p.Retryable)
		require.Equal(t, "1", rec.Header().Get("Retry-After"))
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/contracts", nil)
	r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	require.Equal(t, http.StatusOK, rec.Code)
}
