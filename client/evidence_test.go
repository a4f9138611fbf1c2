package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// serving answers each path with a text, and all others with 404.
func serving(t *testing.T, answers map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := answers[r.URL.RequestURI()]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			send(w, Problem{Code: "not_found", Detail: r.URL.RequestURI()})
			return
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestEvidenceIsReadFromItsPlaces(t *testing.T) {
	c := newClient(t, serving(t, map[string]string{
		"/v1/transactions/ab/receipt":                     "receipt",
		"/v1/transactions/ab/receipt?contract=x&wait=30s": "receipt of x",
		"/v1/contracts/aka/checkpoint":                    "newest",
		"/v1/contracts/aka/checkpoint?size=7":             "of seven",
		"/v1/policy":                                      "policy",
		"/v1/policy?contract=x":                           "policy of x",
		"/v1/contracts":                                   `{"items":[` + contractJSON("aka", chain.Hash{1}) + `]}`,
	}))
	ctx := t.Context()
	for _, tc := range []struct {
		want string
		get  func() ([]byte, error)
	}{
		{"receipt", func() ([]byte, error) { return c.Receipt(ctx, "", "ab", 0) }},
		{"receipt of x", func() ([]byte, error) { return c.Receipt(ctx, "x", "ab", time.Hour) }},
		{"newest", func() ([]byte, error) { return c.Checkpoint(ctx, "", 0) }},
		{"of seven", func() ([]byte, error) { return c.Checkpoint(ctx, "aka", 7) }},
		{"policy", func() ([]byte, error) { return c.Policy(ctx, "") }},
		{"policy of x", func() ([]byte, error) { return c.Policy(ctx, "x") }},
	} {
		got, err := tc.get()
		require.NoError(t, err, tc.want)
		require.Equal(t, tc.want, string(got))
	}
	var p *Problem
	_, err := c.Receipt(ctx, "", "cd", 0)
	require.ErrorAs(t, err, &p)
	require.Equal(t, 404, p.Status)
}

func TestReceiptIsAskedForUntilThereIsOne(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			send(w, Problem{Code: "receipt_not_ready", Retryable: true})
			return
		}
		_, _ = io.WriteString(w, "receipt")
	}))
	t.Cleanup(s.Close)
	got, err := newClient(t, s.URL).Receipt(t.Context(), "", "ab", 0)
	require.NoError(t, err)
	require.Equal(t, "receipt", string(got))

	asked.Store(-1000)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = newClient(t, s.URL).Receipt(ctx, "", "ab", 0)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "receipt_not_ready")
}

// A server that waits as it was asked to is not one that hangs.
func TestWaitingExtendsAnAttempt(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(2 * testAttempt):
			_, _ = io.WriteString(w, "receipt")
		case <-r.Context().Done():
			t.Error("it hung up")
		}
	}))
	t.Cleanup(s.Close)
	got, err := newClient(t, s.URL).Receipt(t.Context(), "", "ab", 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, "receipt", string(got))
}

func TestEvidenceHasABound(t *testing.T) {
	c := newClient(t, serving(t, map[string]string{"/v1/policy": strings.Repeat("#", proof.MaxPolicyBytes+1)}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Policy(ctx, "")
	require.ErrorIs(t, err, ErrUnavailable)
}
