package chainsync

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// A contract is not here for good once an upstream says so; until then it may
// be on its way.
func TestLookupAsksBeforeItSaysThatThereIsNone(t *testing.T) {
	var status atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Load()))
		_, _ = fmt.Fprint(w, `{"token":"late","length":0}`)
	}))
	defer upstream.Close()
	dead := httptest.NewServer(nil)
	dead.Close()
	cfg := testConfig(t.TempDir(), Source{Upstreams: []string{dead.URL, upstream.URL}}, Source{Token: "single", Upstreams: []string{dead.URL}})
	s := openStore(t, t.TempDir())
	defer func() { require.NoError(t, s.Close()) }()
	f, err := New(cfg, StoreLedger(s))
	require.NoError(t, err)
	defer f.resources.client.http.CloseIdleConnections()

	status.Store(http.StatusNotFound)
	require.NoError(t, f.Lookup(t.Context(), "late"))
	require.Empty(t, f.sources[0].wake)
	for range 2 { // the second one finds that it has been asked for
		status.Store(http.StatusOK)
		require.ErrorIs(t, f.Lookup(t.Context(), "late"), errPending)
		require.Len(t, f.sources[0].wake, 1)
	}
	require.ErrorIs(t, f.sources[0].rest(t.Context(), time.Hour), nil, "it is listed at once")
	for _, other := range []int{http.StatusServiceUnavailable, http.StatusForbidden, http.StatusMovedPermanently, http.StatusInternalServerError} {
		status.Store(int64(other))
		require.ErrorIs(t, f.Lookup(t.Context(), "late"), outcome.NoUpstream, other)
	}
	require.ErrorIs(t, f.Lookup(t.Context(), "single"), errPending, "it is followed, and has not begun")

	// What no policy or pin covers does not come.
	status.Store(http.StatusOK)
	f.cfg.Pins = map[string]chain.Hash{"single": {1}}
	require.NoError(t, f.Lookup(t.Context(), "late"))
	f.cfg.Pins = nil

	require.True(t, f.lookups.slots.TryAcquire(maxLookups))
	require.ErrorContains(t, f.Lookup(t.Context(), "late"), "too many")
}
