package chainsync

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// memory is a ledger that takes everything.
type memory struct {
	info   chain.Info
	blocks [][]byte
}

func (m *memory) Contract(string) (chain.Info, error) {
	if len(m.blocks) == 0 {
		return chain.Info{}, chain.ContractUnknown
	}
	return m.info, nil
}

func (m *memory) Block(_ string, index uint64) ([]byte, chain.Hash, error) {
	if index < 1 || index > uint64(len(m.blocks)) {
		return nil, chain.Hash{}, chain.NotFound
	}
	return m.blocks[index-1], chain.HashBytes(m.blocks[index-1]), nil
}

func (m *memory) Adopt(_ string, blocks []chain.Checked) (int, error) {
	for _, b := range blocks {
		m.blocks = append(m.blocks, b.Canonical)
	}
	return len(blocks), nil
}

func (m *memory) LogHashes(string) tlog.HashReader { return logOf(m.blocks) }

func (m *memory) Sync(context.Context) error { return nil }

// roundTrip answers requests without a network, so that time can be a bubble's.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// When all upstreams are down for an hour they are asked about as often as the
// longest pause allows, not without pause.
func TestUpstreamsThatAreDownAreNotAskedWithoutPause(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{"http://a", "http://b", "http://c"}},
			Source{Upstreams: []string{"http://d"}})
		cfg.RetryMin, cfg.RetryMax = 100*time.Millisecond, 5*time.Second
		cfg.CompareEvery, cfg.DiscoverEvery = 30*time.Second, 10*time.Second
		cfg.transport = roundTrip(func(*http.Request) (*http.Response, error) {
			asked.Add(1)
			return nil, errors.New("no route")
		})
		f, err := New(cfg, &memory{})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		require.NoError(t, f.Run(ctx))
		// Four upstreams, each with pauses of 2.75 s on average.
		require.Less(t, asked.Load(), int64(4*600/2))
		require.Greater(t, asked.Load(), int64(4*600/5))
		require.ErrorIs(t, f.Ready(), errNotSynced)
		require.Contains(t, f.Ready().Error(), "no route")
	})
}

// A server that answers a long poll at once, with nothing, is not asked again
// without pause.
func TestAnUpstreamThatDoesNotWaitIsNotAskedWithoutPause(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 5)
	blocks := c.blocks("aka")
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{t: t, grown: make(chan struct{}), asked: map[string]int{},
			order: []string{"aka"}, chains: map[string][][]byte{"aka": blocks}}
		cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{"http://a"}})
		cfg.RetryMax, cfg.PollWait = 5*time.Second, 30*time.Second
		cfg.transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			query := r.URL.Query()
			query.Del("wait")
			r.URL.RawQuery = query.Encode()
			rec := httptest.NewRecorder()
			u.ServeHTTP(rec, r)
			return rec.Result(), nil
		})
		ledger := &memory{}
		f, err := New(cfg, ledger)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		require.NoError(t, f.Run(ctx))
		require.Equal(t, blocks, ledger.blocks)
		require.NoError(t, f.Ready())
		require.Less(t, u.count("/smart/chain"), 4*600)
	})
}
