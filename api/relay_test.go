package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

func TestRelayPassesTheAnswerThrough(t *testing.T) {
	f, n := newFake(), newFakeNode()
	h := newFollower(t, f, n)
	for _, path := range []string{"/transactions/new", "/v1/transactions"} {
		for i, body := range []string{transferAB, transferAB, transfer("amount", "7"), `{}`, transfer("color", "1")} {
			extra := []string{"Idempotency-Key", path, "X-Request-Id", fmt.Sprint("r", i), "Content-Type", "text/x-any"}
			got := call(h, "POST", path, body, extra...)
			// Sent again to the member, a write has the answer of its replay.
			want := call(n.upstream, "POST", path, body, extra...)
			sent := n.relayed[len(n.relayed)-1]
			require.Equal(t, body, string(sent.Body))
			require.Equal(t, path, sent.Path)
			require.Equal(t, "contract=aka", sent.RawQuery)
			require.Equal(t, "text/x-any", sent.Header.Get("Content-Type"))
			require.True(t, sent.Repeatable)
			require.False(t, sent.Signed)
			require.Equal(t, want.Body.String(), got.Body.String())
			require.Equal(t, want.Header().Get("Location"), got.Header().Get("Location"))
			require.Equal(t, want.Header().Get("Content-Type"), got.Header().Get("Content-Type"))
			require.Equal(t, []string{fmt.Sprint("r", i)}, got.Header()["X-Request-Id"])
			if i > 0 {
				require.Equal(t, want.Code, got.Code)
				require.Equal(t, want.Header().Get("Idempotent-Replay"), got.Header().Get("Idempotent-Replay"))
			}
		}
	}
	require.Len(t, f.chains[0].outcomes, 2)
	rec := call(h, "POST", "/transactions/new", `{"sender":"a"}`)
	requireProblem(t, rec, 400, "missing_values", "Missing values")
}

func TestWhatIsPassedBack(t *testing.T) {
	n := newFakeNode()
	n.upstream = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Location": "/v1/transactions/07", "Idempotent-Replay": "true",
			"Retry-After": "1", "X-Request-Id": "theirs", "Cache-Control": "no-store", "Bpsc-Applied-Index": "7", "Bpsc-Min-Block": "3",
			"Connection": "x, bpsc-Here", "Bpsc-Here": "1", "Keep-Alive": "1", "Set-Cookie": "c", "Server": "s",
			"Trailer": "T", "Proxy-Authenticate": "p", "Content-Encoding": "x",
		} {
			w.Header().Set(name, value)
		}
	})
	h := unchecked(newFollower(t, newFake(openContract("usd"), openContract("aka")), n))
	got := call(h, "POST", "/v1/transactions?contract=aka", transferAB, "X-Request-Id", "ours").Header()
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Location": "/v1/transactions/07?contract=aka", "Idempotent-Replay": "true",
		"Retry-After": "1", "X-Request-Id": "ours", "Cache-Control": "no-store", "Bpsc-Min-Block": "3",
		"Bpsc-Applied-Index": "", "Connection": "", "Bpsc-Here": "", "Keep-Alive": "", "Set-Cookie": "", "Server": "",
		"Trailer": "", "Proxy-Authenticate": "", "Content-Encoding": "",
	} {
		require.Equal(t, want, got.Get(name), name)
	}
	for given, want := range map[string]string{
		"/v1/transactions/07?contract=aka": "/v1/transactions/07?contract=aka", "https://other/x": "https://other/x", "%": "%",
	} {
		n.upstream = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", given) })
		require.Equal(t, want, call(h, "POST", "/v1/transactions?contract=aka", transferAB).Header().Get("Location"))
	}
}

func TestRelayOfABatch(t *testing.T) {
	f, n := newFake(), newFakeNode()
	h := newFollower(t, f, n)
	results := batch(t, h, `{"transactions":[{"sender":"a","amount":1,"recipient":"b","key":"k1"},7]}`, 2)
	require.Equal(t, "final", results[0].Status)
	require.Equal(t, "refused", results[1].Status)
	require.False(t, n.relayed[0].Repeatable, "an item has no key")
	batch(t, h, `{"transactions":[{"sender":"a","amount":1,"recipient":"b","key":"k1"}]}`, 1)
	require.True(t, n.relayed[1].Repeatable)
}

func TestRelayOfAHold(t *testing.T) {
	f, n := newFake(signedContract("aka")), newFakeNode()
	h := newFollower(t, f, n)
	hold := postHold(t, f, h)
	tx := bob.sign(f.chainID("aka"), chain.Transaction{Kind: chain.Accept, Hold: hold.ID})
	m := bodyOf(&tx)
	delete(m, "kind")
	delete(m, "hold")
	rec := call(h, "POST", "/v1/holds/"+hold.ID.String()+":accept", textOf(t, m))
	require.Equal(t, http.StatusCreated, rec.Code, rec.Body.String())
	require.Len(t, n.relayed, 2)
	require.True(t, n.relayed[1].Signed)
	require.True(t, n.relayed[1].Repeatable)
	requireProblem(t, call(h, "POST", "/v1/holds/"+hold.ID.String()+":keep", textOf(t, m)), 404, "path_unknown", "")
	requireProblem(t, call(h, "POST", "/v1/holds/x:accept", textOf(t, m)), 400, "invalid_field", "")
	require.Len(t, n.relayed, 2)
}

// What no member would read is refused here, in the same words.
func TestRelayRefusesWhatIsNoJSON(t *testing.T) {
	for _, tc := range badBodies {
		t.Run(tc.name, func(t *testing.T) {
			f, n := newFake(), newFakeNode()
			rec := call(newFollower(t, f, n), "POST", "/v1/transactions", tc.body)
			requireProblem(t, rec, tc.status, tc.code, "")
			require.Zero(t, f.writes)
			if tc.name != "contract is a number" { // JSON, so the member's to judge
				require.Empty(t, n.relayed)
			}
		})
	}
	n := newFakeNode()
	h := newFollower(t, newFake(), n)
	requireProblem(t, call(h, "POST", "/v1/transactions:batch", `{}`), 400, "missing_values", "")
	requireProblem(t, call(h, "POST", "/v1/transactions?contract=nix", transferAB), 404, "contract_unknown", "")
	require.Empty(t, n.relayed)
}

func TestRelayNamesTheContractAndTheLocationIsOfThisNode(t *testing.T) {
	// The member's default is usd, this node's is aka.
	here, there := newFake(openContract("aka"), openContract("usd")), newFake(openContract("usd"), openContract("aka"))
	n := newFakeNode()
	n.upstream = newHandler(t, there)
	h := newFollower(t, here, n)
	id := chain.DeriveID([]byte("k1")).String()
	for _, tc := range []struct{ query, body, sent, location string }{
		{"", transferAB, "aka", "/v1/transactions/" + id},
		{"?contract=aka", transferAB, "aka", "/v1/transactions/" + id},
		{"?contract=", transferAB, "aka", "/v1/transactions/" + id},
		{"?contract=usd", transferAB, "usd", "/v1/transactions/" + id + "?contract=usd"},
		{"", transfer("contract", `"usd"`), "usd", ""},
	} {
		rec := call(h, "POST", "/v1/transactions"+tc.query, tc.body, "Idempotency-Key", "k1")
		require.Equal(t, "contract="+tc.sent, n.relayed[len(n.relayed)-1].RawQuery)
		require.Equal(t, tc.sent, n.relayed[len(n.relayed)-1].Token)
		require.Equal(t, tc.location, rec.Header().Get("Location"), tc.query)
	}
}

func TestRelayThatGotNoAnswer(t *testing.T) {
	n := newFakeNode()
	h := newFollower(t, newFake(), n)
	for _, tc := range []struct {
		err       error
		status    int
		code      string
		retryable bool
	}{
		{fmt.Errorf("%w: connection refused", outcome.NoUpstream), 503, "no_upstream", true},
		{outcome.QueueFull, 503, "queue_full", true},
		{outcome.RelayLoop, 508, "relay_loop", false},
		{context.DeadlineExceeded, 504, "outcome_unknown", true},
		{&outcome.UnknownError{Err: context.Canceled}, 504, "outcome_unknown", true},
	} {
		n.relayErr = tc.err
		p := requireProblem(t, call(h, "POST", "/v1/transactions", transferAB, "Idempotency-Key", "k1"), tc.status, tc.code, "")
		require.Equal(t, tc.retryable, p.Retryable, tc.code)
		require.Equal(t, chain.DeriveID([]byte("k1")).String(), p.ID, tc.code)
		require.Empty(t, p.Key, "the client has the key")
	}
}

func TestRelayedTransactionOfUnknownOutcomeTellsHowToSendItAgain(t *testing.T) {
	n := newFakeNode()
	h := newFollower(t, newFake(), n)
	n.relayErr = fmt.Errorf("relay: %w", &outcome.UnknownError{Key: "drawn", Err: context.DeadlineExceeded})
	p := requireProblem(t, call(h, "POST", "/transactions/new", transferAB), 504, "outcome_unknown", "")
	require.Equal(t, "drawn", p.Key)
	require.Equal(t, chain.DeriveID([]byte("drawn")).String(), p.ID)
	require.True(t, p.Retryable)
	require.Contains(t, p.Detail, "resubmit the same bytes with the same id, which is that of the Idempotency-Key given here")

	// Without a key anywhere, sending it again could pay twice.
	n.relayErr = context.DeadlineExceeded
	p = requireProblem(t, call(h, "POST", "/v1/transactions:batch", `{"transactions":[`+transferAB+`]}`), 504, "outcome_unknown", "")
	require.False(t, p.Retryable)
	require.Empty(t, p.Key)
	require.NotContains(t, p.Detail, "resubmit")

	f := newFake(signedContract("aka"))
	h = newFollower(t, f, n)
	_, body := signedBody(t, f, alice, transferTo(bob))
	p = requireProblem(t, call(h, "POST", "/v1/transactions", body), 504, "outcome_unknown", "")
	require.True(t, p.Retryable)
	require.Contains(t, p.Detail, "resubmit the same bytes")
}
