package lab

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A member that has been added or replaced is the operator's until it says that it is ready.
func TestAnOperatorWaitsUntilAMemberIsReady(t *testing.T) {
	var ready atomic.Bool
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer api.Close()
	w := idle()
	w.http = api.Client()
	m := w.Cluster.Members[0]
	m.URL, m.Log = api.URL, filepath.Join(t.TempDir(), "log")
	_, err := w.operation(m.ID, w.ready(m))
	require.NoError(t, err)
	require.ErrorIs(t, w.proceed(t.Context()), errStricken, "it does not run")
	m.Use("sleep")
	m.Also("60")
	require.NoError(t, m.Start())
	defer func() { require.NoError(t, m.Kill()) }()
	require.ErrorContains(t, w.proceed(t.Context()), "503")
	require.NotNil(t, w.procedure)
	ready.Store(true)
	require.NoError(t, w.proceed(t.Context()))
	require.Nil(t, w.procedure)
}
