package relay

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ledger is a member's side of an upstream: it applies a body once for each key
// of an open contract, and once for itself in a signed one.
type ledger struct {
	mu      sync.Mutex
	applied map[string]int
	seen    []*http.Request
}

func newLedger() *ledger { return &ledger{applied: map[string]int{}} }

// apply applies a request and tells whether it had been before.
func (l *ledger) apply(q *http.Request, body []byte) (replay bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, q)
	id := q.Header.Get(protocol.IdempotencyKey) + " " + string(body)
	if q.Header.Get(protocol.IdempotencyKey) == "" && q.Header.Get("Content-Type") != "signed" {
		id = fmt.Sprint(len(l.seen), id) // one of its own each time
	}
	if l.applied[id] > 0 {
		return true
	}
	l.applied[id]++
	return false
}

// requests returns what has arrived so far.
func (l *ledger) requests() []*http.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[:len(l.seen):len(l.seen)]
}

// transactions is how many have been applied.
func (l *ledger) transactions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.applied)
}

// behaviour is what an upstream does with one request.
type behaviour func(l *ledger, w http.ResponseWriter, q *http.Request, body []byte)

// good applies and answers.
func good(l *ledger, w http.ResponseWriter, q *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/v1/transactions/1")
	if l.apply(q, body) {
		w.Header().Set("Idempotent-Replay", "true")
		w.WriteHeader(http.StatusOK)
	} else {
		w.WriteHeader(http.StatusCreated)
	}
	io.WriteString(w, `{"message":"Transaction will be added to Block 2"}`)
}

// after applies and then does what is given.
func after(next behaviour) behaviour {
	return func(l *ledger, w http.ResponseWriter, q *http.Request, body []byte) {
		l.apply(q, body)
		next(nil, w, q, body)
	}
}

// says answers without applying.
func says(status int, text string) behaviour {
	return func(_ *ledger, w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

// dies cuts the connection.
func dies(*ledger, http.ResponseWriter, *http.Request, []byte) { panic(http.ErrAbortHandler) }

// half cuts the connection amid the answer.
func half(_ *ledger, w http.ResponseWriter, _ *http.Request, _ []byte) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, "{")
	panic(http.ErrAbortHandler)
}

// slow answers when the client has gone.
func slow(_ *ledger, _ http.ResponseWriter, q *http.Request, _ []byte) { <-q.Context().Done() }

const (
	noLeader  = `{"code":"no_leader","retryable":true}`
	unknown   = `{"code":"outcome_unknown","retryable":true,"id":"07"}`
	internal  = `{"code":"internal","retryable":false}`
	noFunds   = `{"code":"insufficient_funds","retryable":false,"id":"07"}`
	loop      = `{"code":"relay_loop","retryable":false}`
	elsewhere = `{"code":"contract_unknown","retryable":false}`
)

// serve starts an upstream with one behaviour for each request to come; the last
// one stays.
func serve(t *testing.T, l *ledger, script ...behaviour) (url string) {
	t.Helper()
	var mu sync.Mutex
	next := 0
	return start(t, func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		do := script[next]
		next = min(next+1, len(script)-1)
		mu.Unlock()
		do(l, w, q, body)
	})
}

func start(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// nobody is an address at which connections are refused.
func nobody(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(nil)
	server.Close()
	return server.URL
}

// newRelay returns a relay whose budget is enough for anything here that ends by
// itself, if patient.
func newRelay(t *testing.T, patient bool, upstreams ...string) *Relay {
	t.Helper()
	cfg := DefaultConfig()
	cfg.AttemptTimeout = 300 * time.Millisecond
	if !patient {
		cfg.Budget = 400 * time.Millisecond
	}
	r, err := New(cfg, func(token string) []string {
		if token != "aka" {
			t.Errorf("upstreams of %q", token)
		}
		return upstreams
	})
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

// follower serves a relay as a follower's API does.
func follower(t *testing.T, r *Relay) (url string) {
	t.Helper()
	return start(t, func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		answer, err := r.Do(q.Context(), protocol.RelayRequest{
			Token: "aka", Path: q.URL.EscapedPath(), RawQuery: q.URL.RawQuery, Header: q.Header, Body: body,
		})
		switch {
		case errors.Is(err, outcome.RelayLoop):
			says(http.StatusLoopDetected, loop)(nil, w, q, body)
			return
		case err != nil:
			says(http.StatusServiceUnavailable, noLeader)(nil, w, q, body)
			return
		}
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Status)
		w.Write(answer.Body)
	})
}

// The kinds of writes there are.
func transfer() protocol.RelayRequest {
	return protocol.RelayRequest{Token: "aka", RawQuery: "contract=aka", Path: "/v1/transactions", Body: []byte(`{"sender":"a","amount":1,"recipient":"b"}`)}
}

func keyed() protocol.RelayRequest {
	q := transfer()
	q.Header = http.Header{protocol.IdempotencyKey: {"k"}}
	return q
}

func signed() protocol.RelayRequest {
	q := transfer()
	q.Signed, q.Header = true, http.Header{"Content-Type": {"signed"}}
	return q
}

func batch() protocol.RelayRequest {
	return protocol.RelayRequest{Token: "aka", RawQuery: "contract=aka", Path: "/v1/transactions:batch", Body: []byte(`{"transactions":[]}`)}
}
