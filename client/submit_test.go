package client

import (
	"context"
	"net/http"
	"sync"
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

// Whatever fails first, the transaction is applied once, and from the same
// bytes each time.
func TestSubmitGetsThroughEveryFault(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			c := newClient(t, refusedURL(t), serve(t, l, false, f.fault), serve(t, l, false, f.fault, f.fault))
			r, err := c.Submit(t.Context(), signedTx(t))
			require.NoError(t, err)
			require.Equal(t, l.result(), r)
			applied, bodies := l.times()
			require.Equal(t, 1, applied)
			require.Equal(t, 1, bodies)
		})
	}
}

// When every server keeps failing, the error says whether anything may have
// happened.
func TestSubmitSaysWhetherAnythingMayHaveHappened(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), testAttempt*3/2)
			defer cancel()
			c := newClient(t, refusedURL(t), serve(t, newLedger(), true, forever(f.fault)...))
			r, err := c.Submit(ctx, signedTx(t))
			want := ErrUnavailable
			if f.open {
				want = ErrOutcomeUnknown
			}
			require.ErrorIs(t, err, want)
			require.Equal(t, StatusUnknown, r.Status)
			require.Equal(t, testID.String(), r.ID)
		})
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
	plan := append([]fault{answer(outcomeOpen), unknown}, forever(answer(noLeader))...)
	_, err := newClient(t, serve(t, newLedger(), true, plan...)).Submit(ctx, signedTx(t))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
}

func TestSubmitTellsARefusal(t *testing.T) {
	for _, plan := range [][]fault{nil, {answer(outcomeOpen)}, {slow}, {answer(noLeader), cut}} {
		l := newLedger()
		l.refuse = chain.HoldUnknown
		r, err := newClient(t, serve(t, l, false, plan...)).Submit(t.Context(), signedTx(t))
		require.NoError(t, err)
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
		_, err := newClient(t, serve(t, newLedger(), false, plan...)).Submit(t.Context(), signedTx(t))
		var p *Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, string(code), p.Code)
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
			require.NoError(t, err)
			require.Equal(t, want, r.Status)
		})
	}
}

func TestSubmitAfterItsTime(t *testing.T) {
	l := newLedger()
	l.now = testTx.Auth.Expires
	r, err := newClient(t, serve(t, l, false)).Submit(t.Context(), signedTx(t))
	require.NoError(t, err)
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
