package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// The tests' transaction. Its signature is never looked at here.
var (
	testID        = chain.HashBytes([]byte("what was signed"))
	testTx        = chain.Transaction{ID: testID, Kind: chain.Burn, Sender: "alice", Amount: 1_500_000, Auth: &chain.Auth{Nonce: "n", Expires: 100, Signature: chain.Signature{1}}}
	testContract  = chain.Contract{Token: "aka", Wallets: chain.SignedWallets, BPSC: chain.BPSCAddress("aka")}
	noLeader      = problemOf(http.StatusServiceUnavailable, "no_leader", true)
	outcomeOpen   = problemOf(http.StatusGatewayTimeout, chain.Code(outcome.Unknown), true)
	internalError = problemOf(http.StatusInternalServerError, "internal", false)
)

func signedTx(t *testing.T) SignedTransaction {
	t.Helper()
	tx, err := NewSigned("aka", 6, &testTx)
	require.NoError(t, err)
	return tx
}

func problemOf(status int, code chain.Code, retryable bool) Problem {
	return Problem{Status: status, Code: string(code), Detail: "why", Retryable: retryable}
}

// fakeLedger is one ledger behind any number of servers. It applies an id once
// and counts how often it was asked to.
type fakeLedger struct {
	id      chain.ID // of the one transaction it is sent
	mu      sync.Mutex
	applied map[chain.ID]int // ids, with the number of times they came again
	bodies  map[string]int   // what was posted
	refuse  chain.Code       // decides so in place of applying
	now     chain.Seconds
}

func newLedger() *fakeLedger {
	return &fakeLedger{id: testID, applied: map[chain.ID]int{}, bodies: map[string]int{}}
}

// apply decides the one transaction of these tests.
func (l *fakeLedger) apply(body string) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bodies[body]++
	if _, again := l.applied[l.id]; again {
		l.applied[l.id]++
		return l.result()
	}
	switch {
	case l.now >= testTx.Auth.Expires:
		return l.refuses(chain.Expired)
	case l.refuse != "":
		return l.refuses(l.refuse)
	}
	l.applied[l.id] = 0
	return l.result()
}

// refuses is a refusal by the ledger, which names what it refuses.
func (l *fakeLedger) refuses(code chain.Code) Problem {
	p := problemOf(http.StatusUnprocessableEntity, code, false)
	p.ID = l.id.String()
	return p
}

func (l *fakeLedger) result() Result {
	return Result{ID: l.id.String(), Status: StatusFinal, Contract: "aka", Kind: chain.Burn, Block: 7, Position: 2}
}

func (l *fakeLedger) status() any {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.applied[l.id]; there {
		return l.result()
	}
	if l.now >= testTx.Auth.Expires {
		return Result{ID: l.id.String(), Status: StatusExpired}
	}
	return Result{ID: l.id.String(), Status: StatusUnknown}
}

// times tells how often the transaction was applied and with how many
// different bodies it was asked for.
func (l *fakeLedger) times() (applied, bodies int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.applied), len(l.bodies)
}

// fault is what a server does with one post in place of answering it well.
type fault func(l *fakeLedger, w http.ResponseWriter, r *http.Request, body string)

func answer(v any) fault {
	return func(_ *fakeLedger, w http.ResponseWriter, _ *http.Request, _ string) { send(w, v) }
}

// after applies the transaction, and then lets another fault happen.
func after(f fault) fault {
	return func(l *fakeLedger, w http.ResponseWriter, r *http.Request, body string) {
		l.apply(body)
		f(l, w, r, body)
	}
}

func cut(_ *fakeLedger, w http.ResponseWriter, _ *http.Request, _ string) {
	panic(http.ErrAbortHandler)
}

// half breaks off in the middle of a good answer.
func half(l *fakeLedger, w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"id":"`+l.id.String())
}

// slow answers when the client has long gone.
func slow(_ *fakeLedger, _ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }

func garbage(status int, text string) fault {
	return func(_ *fakeLedger, w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

func send(w http.ResponseWriter, v any) {
	status := http.StatusOK
	if p, is := v.(Problem); is {
		status = p.Status
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// serve starts a server that does to one post after the other what faults
// say, and answers well from then on. It asks after ids well always, unless
// blind.
func serve(t *testing.T, l *fakeLedger, blind bool, faults ...fault) string {
	t.Helper()
	var mu sync.Mutex
	next := func() fault {
		mu.Lock()
		defer mu.Unlock()
		if len(faults) == 0 {
			return nil
		}
		f := faults[0]
		faults = faults[1:]
		return f
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/v1/transactions":
			if f := next(); f != nil {
				f(l, w, r, string(body))
				return
			}
			send(w, l.apply(string(body)))
		case strings.HasPrefix(r.URL.Path, "/v1/transactions/"+l.id.String()) && !blind:
			if r.URL.Query().Get("contract") != "aka" {
				send(w, problemOf(http.StatusNotFound, chain.ContractUnknown, false))
				return
			}
			send(w, l.status())
		default:
			send(w, noLeader)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// refusedURL is an address at which nobody listens.
func refusedURL(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	return s.URL
}

func forever(f fault) []fault {
	many := make([]fault, 1000)
	for i := range many {
		many[i] = f
	}
	return many
}

func contractJSON(token string, id chain.Hash) string {
	c := testContract
	c.Token, c.BPSC = token, chain.BPSCAddress(token)
	c.Fees, c.HoldFor = chain.HoldFees, chain.DefaultContract().HoldFor
	text, _ := c.MarshalJSON()
	return fmt.Sprintf(`{"token":%q,"contract":%s,"chain_id":%q,"length":3}`, token, text, id.String())
}
