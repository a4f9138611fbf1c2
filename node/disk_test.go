package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/diskspace"
	"github.com/bpsc/bpsc/internal/outcome"
)

// fences are one that no disk satisfies, and one that any does.
func fences(t *testing.T) (short, open *diskspace.Fence) {
	t.Helper()
	reserve, err := diskspace.ParseReserve("1000000TiB")
	require.NoError(t, err)
	quiet := slog.New(slog.DiscardHandler)
	short, open = diskspace.NewFence(reserve, quiet, t.TempDir()), diskspace.NewFence(diskspace.Reserve{}, quiet, t.TempDir())
	short.Look()
	open.Look()
	return short, open
}

func TestWritesAreRefusedWhereThereIsNoRoom(t *testing.T) {
	var noRoom error
	asked := 0
	write := unless(func() error { return noRoom }, func(_ context.Context, requests [][]byte) []command.Result {
		asked += len(requests)
		return make([]command.Result, len(requests))
	})
	require.NoError(t, write(t.Context(), make([][]byte, 2))[1].Err)
	noRoom = outcome.DiskFull
	results := write(t.Context(), make([][]byte, 3))
	require.Len(t, results, 3)
	for _, r := range results {
		require.ErrorIs(t, r.Err, outcome.DiskFull)
	}
	require.Equal(t, 2, asked, "what is refused goes nowhere")
}

// A witness whose disk is short signs nothing, for it could not write it down, and is
// alive all the same.
func TestAWitnessIsReadOnlyWhereThereIsNoRoom(t *testing.T) {
	short, open := fences(t)
	wrote := 0
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			wrote++
		}
	})
	for _, tc := range []struct {
		fence  *diskspace.Fence
		method string
		status int
	}{
		{short, http.MethodPost, http.StatusServiceUnavailable}, {short, http.MethodGet, http.StatusOK}, {short, http.MethodHead, http.StatusOK},
		{open, http.MethodPost, http.StatusOK}, {open, http.MethodGet, http.StatusOK},
	} {
		rec := httptest.NewRecorder()
		readOnlyWhileShort(handler, tc.fence).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), tc.method, "/add-checkpoint", nil))
		require.Equal(t, tc.status, rec.Code, tc.method)
		require.Equal(t, tc.status != http.StatusOK, rec.Header().Get("Retry-After") == "1")
	}
	require.Equal(t, 1, wrote)
}

// adopting counts what a follower's ledger takes.
type adopting struct {
	chainsync.Ledger
	blocks int
}

func (a *adopting) Adopt(_ string, blocks []chain.Checked) (int, error) {
	a.blocks += len(blocks)
	return len(blocks), nil
}

func TestAFollowerWaitsForRoomUntilItStops(t *testing.T) {
	short, open := fences(t)
	ledger := &adopting{}
	s := newService(Common{Data: t.TempDir()})
	s.fence = open
	n, err := waitingLedger{ledger, s}.Adopt("gold", make([]chain.Checked, 2))
	require.NoError(t, err)
	require.Equal(t, 2, n)

	s.fence = short
	ended := make(chan error, 1)
	go func() {
		_, err := waitingLedger{ledger, s}.Adopt("gold", make([]chain.Checked, 1))
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	s.cancel()
	require.True(t, errors.Is(<-ended, context.Canceled))
	require.Equal(t, 2, ledger.blocks)
}
