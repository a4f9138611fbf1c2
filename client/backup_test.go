package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABackupIsReadAsItComes(t *testing.T) {
	var handler atomic.Value // of http.HandlerFunc: a request may still run when the next test sets it
	answer := func(with http.HandlerFunc) { handler.Store(with) }
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.Load().(http.HandlerFunc)(rw, r) }))
	t.Cleanup(server.Close)
	answer(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "archive") })
	c, err := New(server.URL)
	require.NoError(t, err)
	c.Pause = 200 * time.Millisecond
	var got []byte
	all := func(r io.Reader) (err error) { got, err = io.ReadAll(r); return err }

	require.NoError(t, c.Backup(t.Context(), all))
	require.Equal(t, "archive", string(got))

	answer(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, r.Header.Get("Authorization"))
	})
	c.Token = "secret"
	require.NoError(t, c.Backup(t.Context(), all))
	require.Equal(t, "Bearer secret", string(got))

	mine := errors.New("the disk is full")
	require.Equal(t, mine, c.Backup(t.Context(), func(io.Reader) error { return mine }))

	answer(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "arch")
		panic(http.ErrAbortHandler)
	})
	require.ErrorIs(t, c.Backup(t.Context(), all), ErrUnavailable, "it broke off")

	answer(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, "arch")
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	err = c.Backup(t.Context(), all)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "nothing came for 200ms")

	answer(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(rw, `{"code":"token_required","status":401,"detail":"no"}`)
	})
	err = c.Backup(t.Context(), all)
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, "token_required", p.Code)
}
