package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// testAttempt is long enough for a test's server to answer, and what a slow
// one costs.
const testAttempt = 300 * time.Millisecond

func newClient(t *testing.T, servers ...string) *Client {
	t.Helper()
	c, err := New(servers...)
	require.NoError(t, err)
	c.attemptTimeout = testAttempt
	return c
}

// faults are the ways in which a server can fail, and whether the transaction
// may have been applied then.
var faults = map[string]struct {
	fault fault
	open  bool
}{
	"no leader":                      {answer(noLeader), false},
	"outcome unknown, not applied":   {answer(outcomeOpen), true},
	"outcome unknown, applied":       {after(answer(outcomeOpen)), true},
	"cut before applying":            {cut, true},
	"cut after applying":             {after(cut), true},
	"half an answer":                 {after(half), true},
	"too slow, not applied":          {slow, true},
	"too slow, applied":              {after(slow), true},
	"internal error":                 {answer(internalError), true},
	"internal error, applied":        {after(answer(internalError)), true},
	"a proxy's error":                {garbage(http.StatusBadGateway, "<html>"), true},
	"a proxy's error, applied":       {after(garbage(http.StatusGatewayTimeout, "<html>")), true},
	"a success that is not JSON":     {after(garbage(http.StatusOK, "<html>")), true},
	"a success that is empty":        {after(garbage(http.StatusOK, "")), true},
	"a success that says nothing":    {garbage(http.StatusOK, "{}"), true},
	"a success of another id":        {answer(Result{ID: chain.Hash{1}.String(), Status: StatusFinal}), true},
	"a success that knows no more":   {answer(Result{ID: testID.String(), Status: StatusUnknown}), true},
	"a status that does not exist":   {answer(Result{ID: testID.String(), Status: "mined"}), true},
	"a status in the wrong spelling": {garbage(http.StatusOK, `{"status":7}`), true},
}

// ways are the two of sending a transaction: signed, and under a key.
var ways = map[string]struct {
	id  chain.ID
	key string
	run func(t *testing.T, c *Client, ctx context.Context) (Result, error)
}{
	"signed": {testID, "", func(t *testing.T, c *Client, ctx context.Context) (Result, error) {
		return c.Submit(ctx, signedTx(t))
	}},
	"open": {chain.DeriveID([]byte("invoice-17")), "invoice-17", func(_ *testing.T, c *Client, ctx context.Context) (Result, error) {
		return c.Send(ctx, Transfer{Contract: "aka", Sender: "a", Recipient: "b", Amount: "1.5", Key: "invoice-17"})
	}},
}

// Whatever fails first, the transaction is applied once, and from the same
// bytes each time.
func TestSubmitGetsThroughEveryFault(t *testing.T) {
	for way, send := range ways {
		for name, f := range faults {
			t.Run(way+"/"+name, func(t *testing.T) {
				t.Parallel()
				l := newLedger()
				l.id = send.id
				c := newClient(t, refusedURL(t), serve(t, l, false, f.fault), serve(t, l, false, f.fault, f.fault))
				r, err := send.run(t, c, t.Context())
				require.NoError(t, err)
				want := l.result()
				want.Key = send.key
				require.Equal(t, want, r)
				applied, bodies := l.times()
				require.Equal(t, 1, applied)
				require.Equal(t, 1, bodies)
			})
		}
	}
}

// When every server keeps failing, the error says whether anything may have
// happened.
func TestSubmitSaysWhetherAnythingMayHaveHappened(t *testing.T) {
	for way, send := range ways {
		for name, f := range faults {
			t.Run(way+"/"+name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), testAttempt*3/2)
				defer cancel()
				l := newLedger()
				l.id = send.id
				c := newClient(t, refusedURL(t), serve(t, l, true, forever(f.fault)...))
				r, err := send.run(t, c, ctx)
				want := ErrUnavailable
				if f.open {
					want = ErrOutcomeUnknown
				}
				require.ErrorIs(t, err, want)
				require.Equal(t, Result{ID: send.id.String(), Key: send.key, Status: StatusUnknown}, r)
			})
		}
	}
}

// What something between client and ledger says tells nothing about the ledger.
func TestAProxysAnswerToAWrite(t *testing.T) {
	for status, want := range map[int]error{
		500: ErrOutcomeUnknown, 502: ErrOutcomeUnknown, 503: ErrOutcomeUnknown, 504: ErrOutcomeUnknown, 520: ErrOutcomeUnknown,
		408: ErrOutcomeUnknown, 499: ErrOutcomeUnknown, 429: ErrUnavailable, 425: ErrUnavailable,
		400: ErrOutcomeUnknown, 401: ErrOutcomeUnknown, 403: ErrOutcomeUnknown, 404: ErrOutcomeUnknown, 409: ErrOutcomeUnknown,
		413: ErrOutcomeUnknown, 422: ErrOutcomeUnknown, 302: ErrOutcomeUnknown,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>")
		}))
		defer s.Close()
		c := newClient(t, s.URL)
		c.totalTimeout = 150 * time.Millisecond
		for way, send := range ways {
			_, err := send.run(t, c, t.Context())
			require.ErrorIs(t, err, want, "%s, %d", way, status)
		}
		_, err := c.Mine(t.Context(), "")
		require.ErrorIs(t, err, want, "mine, %d", status)
		require.ErrorIs(t, c.RegisterNodes(t.Context(), []string{"a:1"}), want, "register, %d", status)
	}
}

// A call that nobody bounds ends nevertheless.
func TestACallWithoutADeadlineEnds(t *testing.T) {
	var submitted atomic.Bool
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		submitted.Store(submitted.Load() || r.Method == http.MethodPost)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hangs.Close()
	c := newClient(t, hangs.URL)
	c.attemptTimeout, c.totalTimeout = 10*time.Millisecond, 50*time.Millisecond
	_, err := c.Account(context.Background(), "", "alice")
	require.ErrorIs(t, err, ErrUnavailable)
	for _, err = c.Submit(context.Background(), signedTx(t)); !errors.Is(err, ErrOutcomeUnknown); {
		require.ErrorIs(t, err, ErrUnavailable)
		require.False(t, submitted.Load(), "else it is not known") // on a busy machine there is no connection in time, now and then
		_, err = c.Submit(context.Background(), signedTx(t))
	}
	require.ErrorIs(t, c.Blocks(context.Background(), "", 1, 0, nil), ErrUnavailable)
}

// A server that hangs is waited for once, not at each call.
func TestTheServerThatAnsweredIsAskedFirst(t *testing.T) {
	var asked atomic.Int64
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-r.Context().Done()
	}))
	defer hangs.Close()
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/accounts/nobody" {
			send(w, problemOf(http.StatusNotFound, chain.NotFound, false)) // an answer, too
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer good.Close()
	for range 2 {
		c := newClient(t, hangs.URL, good.URL)
		for range 5 {
			_, err := c.Account(t.Context(), "", "alice")
			require.NoError(t, err)
			_, err = c.Account(t.Context(), "", "nobody")
			require.ErrorIs(t, err, chain.NotFound)
			require.NoError(t, c.Blocks(t.Context(), "", 1, 0, func([]byte) error { return nil }))
		}
	}
	require.EqualValues(t, 2, asked.Load(), "once for each client")
}

func TestServersCanBeNamedByHostAndPort(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer s.Close()
	c := newClient(t, strings.TrimPrefix(s.URL, "http://"))
	_, err := c.Account(t.Context(), "", "alice")
	require.NoError(t, err)
	for _, bad := range []string{"", ":5000", "ftp://host", "http://", "http://:5000", "a b:5000", "unix:///x"} {
		_, err := New(bad)
		require.Error(t, err, bad)
	}
}

func TestSubmitWithNobodyThere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newClient(t, refusedURL(t)).Submit(ctx, signedTx(t))
	require.ErrorIs(t, err, ErrUnavailable)

	cancel()
	l := newLedger()
	_, err = newClient(t, serve(t, l, false)).Submit(ctx, signedTx(t))
	require.ErrorIs(t, err, ErrUnavailable)
	applied, _ := l.times()
	require.Zero(t, applied, "nothing is sent in a time that is over")
}

// One attempt that may have been applied is not forgotten because later ones
// were not.
func TestSubmitRemembersWhatMayHaveHappened(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	unknown := answer(problemOf(http.StatusNotFound, chain.ContractUnknown, false))
	// Nor because a server that has not asked the ledger refuses the next one.
	host := answer(problemOf(http.StatusForbidden, "host_unknown", false))
	another := answer(problemOf(http.StatusConflict, "chain_other", false))
	plan := append([]fault{answer(outcomeOpen), unknown, host, another}, forever(answer(noLeader))...)
	_, err := newClient(t, serve(t, newLedger(), true, plan...)).Submit(ctx, signedTx(t))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
}

func TestSubmitTellsARefusal(t *testing.T) {
	for _, plan := range [][]fault{nil, {answer(outcomeOpen)}, {slow}, {answer(noLeader), cut}} {
		l := newLedger()
		l.refuse = chain.HoldUnknown
		r, err := newClient(t, serve(t, l, false, plan...)).Submit(t.Context(), signedTx(t))
		require.ErrorIs(t, err, chain.HoldUnknown)
		require.Equal(t, Result{ID: testID.String(), Status: StatusRefused, Code: "hold_unknown", Detail: "why"}, r)
		applied, _ := l.times()
		require.Zero(t, applied)
	}
}

// A 404 in the ledger's words is its decision; one about the contract or the
// path is not.
func TestSubmitTellsADecisionFromAServerThatCannotTakeIt(t *testing.T) {
	for _, code := range []chain.Code{chain.ContractUnknown, "path_unknown", "not_a_bpsc_answer"} {
		plan := forever(answer(problemOf(http.StatusNotFound, code, false)))
		r, err := newClient(t, serve(t, newLedger(), false, plan...)).Submit(t.Context(), signedTx(t))
		require.ErrorIs(t, err, code)
		require.Equal(t, StatusUnknown, r.Status)
		require.NotErrorIs(t, err, ErrOutcomeUnknown)
	}
}

// The chain's time passes expires while no server takes writes. Then, and only
// when the id is not there, the transaction is expired.
func TestSubmitWaitsUntilItHasExpired(t *testing.T) {
	late := func(l *fakeLedger, w http.ResponseWriter, _ *http.Request, _ string) {
		l.mu.Lock()
		l.now = testTx.Auth.Expires
		l.mu.Unlock()
		send(w, noLeader)
	}
	for want, first := range map[Status]fault{StatusExpired: answer(outcomeOpen), StatusFinal: after(answer(outcomeOpen))} {
		t.Run(string(want), func(t *testing.T) {
			l := newLedger()
			plan := append([]fault{first, answer(noLeader), late}, forever(answer(noLeader))...)
			writer := serve(t, l, true, plan...)
			reader := serve(t, l, false, forever(answer(noLeader))...)
			r, err := newClient(t, writer, reader).Submit(t.Context(), signedTx(t))
			require.Equal(t, want == StatusExpired, errors.Is(err, chain.Expired), "%v", err)
			require.Equal(t, want, r.Status)
		})
	}
}

func TestSubmitAfterItsTime(t *testing.T) {
	l := newLedger()
	l.now = testTx.Auth.Expires
	r, err := newClient(t, serve(t, l, false)).Submit(t.Context(), signedTx(t))
	require.ErrorIs(t, err, chain.Expired)
	require.Equal(t, StatusExpired, r.Status)
	require.Equal(t, "expired", r.Code)
}

// A storm of the same transaction over servers that fail at random points is
// applied once, and everybody gets the same answer.
func TestSubmitAStorm(t *testing.T) {
	l := newLedger()
	plan := []fault{answer(noLeader), after(cut), cut, answer(outcomeOpen), after(half), answer(internalError)}
	c := newClient(t, serve(t, l, false, plan...), refusedURL(t), serve(t, l, false, plan...), serve(t, l, false, plan...))
	tx := signedTx(t)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			r, err := c.Submit(t.Context(), tx)
			if err != nil || r.Status != StatusFinal || r.Block != 7 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	applied, bodies := l.times()
	require.Equal(t, 1, applied)
	require.Equal(t, 1, bodies)
}

func TestSubmitRefusesWhatIsNotSigned(t *testing.T) {
	c := newClient(t, refusedURL(t))
	_, err := c.Submit(t.Context(), SignedTransaction{})
	require.ErrorIs(t, err, ErrNotSigned)
	tx := signedTx(t)
	tx.ID = chain.ID{}
	_, err = c.Submit(t.Context(), tx)
	require.ErrorIs(t, err, ErrNotSigned)
}

func TestAServerIsAURLOrHostAndPort(t *testing.T) {
	for _, good := range []string{"localhost:5000", "[::1]:5000", "http://a.example/", "https://a.example/ledger"} {
		_, err := New(good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{"", ":5000", "http://", "ftp://a.example", "localhost:65536", "http://a.example/?x=1", "http://a.example/#x", "a b:1"} {
		_, err := New(bad)
		require.Error(t, err, bad)
	}
}
