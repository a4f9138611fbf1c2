package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

func TestWritesThatWereNotAppliedAreToldFromThoseThatMayHaveBeen(t *testing.T) {
	for _, tc := range []struct {
		err       error
		status    int
		code      string
		retryable bool
	}{
		{outcome.NoLeader, 503, "no_leader", true},
		{fmt.Errorf("%w: raft: node is not the leader", outcome.NoLeader), 503, "no_leader", true},
		{outcome.QueueFull, 503, "queue_full", true},
		{outcome.QueueFull, 503, "queue_full", true},
		{fmt.Errorf("%w: %w", outcome.NotOrdered, context.DeadlineExceeded), 503, "not_ordered", true},
		{outcome.ShuttingDown, 503, "shutting_down", true},
		{outcome.DiskFull, 503, "disk_full", true},
		{outcome.TooLarge, 413, "too_large", false},
		{outcome.Unknown, 504, "outcome_unknown", true},
		{fmt.Errorf("%w: %w", outcome.Unknown, context.Canceled), 504, "outcome_unknown", true},
		{context.DeadlineExceeded, 504, "outcome_unknown", true},
		{context.Canceled, 504, "outcome_unknown", true},
		{chain.TotalOutOfRange, 422, "total_out_of_range", false},
		{errors.New("disk: input/output error"), 500, "internal", false},
	} {
		t.Run(tc.err.Error(), func(t *testing.T) {
			f := newFake()
			f.err = tc.err
			h := newHandler(t, f)
			for _, target := range []string{"/transactions/new", "/v1/transactions"} {
				rec := call(h, "POST", target, transferAB, "Idempotency-Key", "k1")
				p := requireProblem(t, rec, tc.status, tc.code, "")
				require.Equal(t, tc.retryable, p.Retryable)
				require.Equal(t, chain.DeriveID([]byte("k1")).String(), p.ID)
				require.Empty(t, p.Key, "the client has the key")
				require.Equal(t, tc.status == 503, rec.Header().Get("Retry-After") == "1")
				require.NotContains(t, rec.Body.String(), "raft")
				require.NotContains(t, rec.Body.String(), "disk:")
			}
			if tc.code == string(chain.TotalOutOfRange) {
				return // what follows moves nothing
			}
			requireProblem(t, call(h, "GET", "/mine", ""), tc.status, tc.code, "")
			requireProblem(t, call(h, "POST", "/nodes/register", `{"nodes":["a:1"]}`), tc.status, tc.code, "")
			requireProblem(t, call(h, "POST", "/v1/contracts", `{"token":"usd","wallets":"open"}`), tc.status, tc.code, "")
		})
	}
}

func TestUnknownOutcomeTellsHowToSendAgain(t *testing.T) {
	f := newFake()
	f.err = outcome.Unknown
	h := newHandler(t, f)
	p := requireProblem(t, call(h, "POST", "/v1/transactions", transferAB, "Idempotency-Key", "k1"), 504, "outcome_unknown", "")
	require.Contains(t, p.Detail, "resubmit the same bytes with the same id")

	// A client that gave no key is told the one that was drawn.
	p = requireProblem(t, call(h, "POST", "/transactions/new", transferAB), 504, "outcome_unknown", "")
	require.Contains(t, p.Detail, "resubmit the same bytes with the same id")
	require.Equal(t, chain.DeriveID([]byte(p.Key)).String(), p.ID)
	f.err = nil
	rec := call(h, "POST", "/transactions/new", transferAB, "Idempotency-Key", p.Key)
	require.Equal(t, 201, rec.Code)
	require.Contains(t, rec.Body.String(), p.ID)
}

func TestRefusalsOfTheLedger(t *testing.T) {
	f := newFake()
	f.refuse = chain.BalanceOutOfRange
	h := newHandler(t, f)
	p := requireProblem(t, call(h, "POST", "/v1/transactions", transferAB), 422, "balance_out_of_range", "")
	require.NotEmpty(t, p.ID)
	results := batch(t, h, `{"transactions":[`+transferAB+`]}`, 1)
	require.Equal(t, "refused", results[0].Status)
	require.Equal(t, "balance_out_of_range", results[0].Code)
	require.NotEmpty(t, results[0].Detail)
}

func TestBatchThatWasNotOrderedAtAllIsRefusedAsAWhole(t *testing.T) {
	f := newFake()
	f.err = outcome.QueueFull
	h := newHandler(t, f)
	rec := call(h, "POST", "/v1/transactions:batch", `{"transactions":[`+transferAB+`,`+transferAB+`]}`)
	requireProblem(t, rec, 503, "queue_full", "")

	// One item that was refused for itself has to be told.
	results := batch(t, h, `{"transactions":[`+transferAB+`,7]}`, 2)
	require.Equal(t, "not_applied", results[0].Status)
	require.Equal(t, "queue_full", results[0].Code)
	require.True(t, results[0].Retryable)
	require.Equal(t, "refused", results[1].Status)
}

func TestBatchOfUnknownOutcomeGivesIDsAndKeys(t *testing.T) {
	f := newFake()
	f.err = context.DeadlineExceeded
	h := newHandler(t, f)
	results := batch(t, h, `{"transactions":[`+transferAB+`,{"sender":"a","amount":1,"recipient":"b","key":"k1"}]}`, 2)
	for _, r := range results {
		require.Equal(t, "unknown", r.Status)
		require.Equal(t, "outcome_unknown", r.Code)
		require.True(t, r.Retryable)
	}
	require.Equal(t, chain.DeriveID([]byte(results[0].Key)).String(), results[0].ID)
	require.Equal(t, chain.DeriveID([]byte("k1")).String(), results[1].ID)
	require.Empty(t, results[1].Key)
}

func TestInternalErrorsAreLoggedAndRefusalsAreThrottled(t *testing.T) {
	var log bytes.Buffer
	cfg := DefaultConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f := newFake()
	h := newHandlerWith(t, cfg, f)
	f.err = errors.New("disk: input/output error")
	call(h, "POST", "/v1/transactions", transferAB)
	require.Contains(t, log.String(), "disk: input/output error")
	require.Contains(t, log.String(), "request_id=")

	log.Reset()
	f.err = outcome.NoLeader
	began := time.Now()
	for range 1000 {
		call(h, "POST", "/v1/transactions", transferAB)
	}
	require.LessOrEqual(t, strings.Count(log.String(), "\n"), 2+int(time.Since(began)/time.Second), "one a second")

	log.Reset()
	f.err = nil
	call(h, "POST", "/v1/transactions", transferAB)
	call(h, "POST", "/v1/transactions", "{}")
	require.Empty(t, log.String())
}
