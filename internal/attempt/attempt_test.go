package attempt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/outcome"
)

// Whether a payment may be sent again, and how, hangs on this table.
func TestJudge(t *testing.T) {
	problem := func(code outcome.Code, retryable bool) string {
		return fmt.Sprintf(`{"code":%q,"retryable":%v}`, string(code), retryable)
	}
	for _, tc := range []struct {
		name        string
		status      int
		body        string
		write, read Verdict
	}{
		{"applied", 201, "{}", Applied, Applied},
		{"applied before", 200, "{}", Applied, Applied},
		{"refused by the ledger", 422, problem("insufficient_funds", false), Refused, Refused},
		{"not there", 404, problem("not_found", false), Refused, Refused},
		{"another chain", 409, problem(outcome.OtherChain, false), Refused, Refused},
		{"too large", 413, problem(outcome.TooLarge, false), Refused, Refused},
		{"no leader", 503, problem(outcome.NoLeader, true), NotApplied, NotApplied},
		{"queue full", 503, problem(outcome.QueueFull, true), NotApplied, NotApplied},
		{"nobody upstream", 503, problem(outcome.NoUpstream, true), NotApplied, NotApplied},
		{"too often", 429, problem("too_many_blocks", true), NotApplied, NotApplied},
		{"round in a circle", 508, problem(outcome.RelayLoop, false), NotApplied, NotApplied},
		{"may have been applied", 504, problem(outcome.Unknown, true), Unknown, Unknown},
		{"may have been, and cannot be repeated", 504, problem(outcome.Unknown, false), Unknown, Unknown},
		{"a member's fault", 500, problem("internal", false), Unknown, Refused},
		{"retryable, and not 503", 500, problem("internal", true), Unknown, NotApplied},
		{"a redirect", 302, "", Unknown, Refused},
		{"something in between refuses", 403, "<html>", Unknown, Refused},
		{"something in between has not passed it on", 429, "<html>", NotApplied, NotApplied},
		{"nor that", 425, "", NotApplied, NotApplied},
		{"something in between did not wait", 408, "", Unknown, NotApplied},
		{"nor that", 504, "<html>", Unknown, NotApplied},
		{"something in between is busy", 503, "{}", Unknown, NotApplied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := Judge(http.MethodPost, tc.status, []byte(tc.body))
			require.Equal(t, tc.write, a.Verdict)
			require.Equal(t, tc.status >= 300 && !strings.Contains(tc.body, "code"), a.Foreign)
			if tc.status >= 300 {
				require.Equal(t, tc.status, a.Problem.Status)
				require.NotEmpty(t, a.Problem.Code)
			}
			require.Equal(t, tc.read, Judge(http.MethodGet, tc.status, []byte(tc.body)).Verdict)
		})
	}
}

func TestAttemptsWithoutAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		handle http.HandlerFunc // nil: nobody is there
		write  Verdict
	}{
		"nobody is there": {nil, NotApplied},
		"cut off":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Unknown},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "{")
		}, Unknown},
		"too much": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "0123456789") }, Unknown},
	} {
		s := httptest.NewServer(tc.handle)
		defer s.Close()
		if tc.handle == nil {
			s.Close()
		}
		for method, want := range map[string]Verdict{http.MethodPost: tc.write, http.MethodGet: NotApplied} {
			t.Run(name+", "+method, func(t *testing.T) {
				req, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
				require.NoError(t, err)
				a := Do(http.DefaultClient.Do, req, 9)
				require.Equal(t, want, a.Verdict)
				require.Error(t, a.Err)
				require.Zero(t, a.Status)
			})
		}
	}
}

func TestRoundsPauseAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		last, longest, rounds := start, time.Duration(0), 0
		for round := range Rounds(ctx) {
			require.Equal(t, rounds, round)
			longest = max(longest, time.Since(last))
			last, rounds = time.Now(), rounds+1
		}
		require.LessOrEqual(t, longest, lastPause)
		require.Greater(t, longest, lastPause/2)
		require.LessOrEqual(t, time.Since(start), 10*time.Second-leastAttempt)
		require.Greater(t, rounds, 10_000/500)

		rounds = 0
		cancel()
		for range Rounds(ctx) {
			rounds++
		}
		require.Equal(t, 1, rounds, "what is over is still told")
	})
}

func TestHistory(t *testing.T) {
	said, late := errors.New("no leader"), errors.New("time ran out")
	ctx, cancel := context.WithCancel(t.Context())
	var h History
	h.Note(ctx, NotApplied, said)
	require.Equal(t, History{Last: said}, h)
	h.Note(ctx, Unknown, said)
	cancel()
	h.Note(ctx, NotApplied, late)
	require.Equal(t, History{Open: true, Last: said}, h)
	h = History{}
	h.Note(ctx, NotApplied, late)
	require.Equal(t, late, h.Last)
}
