package api

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// postHold posts a hold of alice's for bob and returns it.
func postHold(t *testing.T, f *fake, h http.Handler) chain.Transaction {
	t.Helper()
	tx, body := signedBody(t, f, alice, plainOf(chain.Hold))
	rec := call(h, "POST", "/v1/transactions", body)
	require.Equal(t, http.StatusCreated, rec.Code, rec.Body.String())
	answer := readAnswer(t, rec.Body.Bytes())
	require.Equal(t, "pending", answer.Status)
	require.Equal(t, int64(1_700_003_600), answer.HoldUntil)
	return tx
}

func TestHoldIsPendingUntilItIsDecided(t *testing.T) {
	for kind, want := range map[chain.Kind]struct {
		resolved chain.Code
		answer   signedAnswer
	}{
		chain.Accept: {chain.HoldDelivered, signedAnswer{Status: "final", Kind: "delivery"}},
		chain.Reject: {chain.HoldRejected, signedAnswer{Status: "final", Kind: "refund", Reason: "rejected"}},
	} {
		t.Run(string(kind), func(t *testing.T) {
			f := newFake(signedContract("aka"))
			h := newHandler(t, f)
			hold := postHold(t, f, h)
			path := "/v1/holds/" + hold.ID.String()
			shown := func(status chain.Code) string {
				return `{"id":"` + hold.ID.String() + `","contract":"aka","status":"` + string(status) + `","sender":"` + alice.address() +
					`","recipient":"` + bob.address() + `","amount":1,"hold_until":1700003600,"applied_index":` + strconv.FormatUint(f.applied, 10) + `}`
			}
			require.JSONEq(t, shown("pending"), call(h, "GET", path, "").Body.String())
			require.Equal(t, "pending", readAnswer(t, call(h, "GET", "/v1/transactions/"+hold.ID.String(), "").Body.Bytes()).Status)

			tx := bob.sign(f.chainID("aka"), chain.Transaction{Kind: kind, Hold: hold.ID})
			m := bodyOf(&tx)
			delete(m, "kind")
			delete(m, "hold")
			rec := call(h, "POST", path+":"+string(kind), textOf(t, m))
			require.Equal(t, http.StatusCreated, rec.Code, rec.Body.String())
			answer := readAnswer(t, rec.Body.Bytes())
			want.answer.ID, want.answer.Contract, answer.Record = tx.ID.String(), "aka", nil
			require.Equal(t, want.answer, answer)
			require.Equal(t, "/v1/transactions/"+tx.ID.String(), rec.Header().Get("Location"))

			require.JSONEq(t, shown(want.resolved), call(h, "GET", path, "").Body.String())
			got := readAnswer(t, call(h, "GET", "/v1/transactions/"+hold.ID.String(), "").Body.Bytes())
			require.Equal(t, "final", got.Status)
			require.Equal(t, string(want.resolved), got.Resolved)

			// Whoever sends the hold again is told how it ended.
			again := call(h, "POST", "/v1/transactions", textOf(t, bodyOf(&hold)))
			require.Equal(t, http.StatusOK, again.Code)
			require.Equal(t, string(want.resolved), readAnswer(t, again.Body.Bytes()).Resolved)
			again = call(h, "POST", "/transactions/new", textOf(t, bodyOf(&hold)))
			require.Equal(t, string(want.resolved), readAnswer(t, again.Body.Bytes()).Resolved)

			// The same bytes by the other way in are the same transaction.
			again = call(h, "POST", "/v1/transactions", textOf(t, bodyOf(&tx)))
			require.Equal(t, http.StatusOK, again.Code)
			require.Equal(t, tx.ID.String(), readAnswer(t, again.Body.Bytes()).ID)
		})
	}
}

func TestReplayOfAHoldIsAnsweredThoughThisReplicaIsBehind(t *testing.T) {
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	hold := postHold(t, f, h)
	f.lag, f.stuck = 5, true
	rec := call(h, "POST", "/v1/transactions", textOf(t, bodyOf(&hold)))
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, "pending", readAnswer(t, rec.Body.Bytes()).Status)
}

func TestBadWaysToDecideAHold(t *testing.T) {
	f := newFake(signedContract("aka"), openContract("usd"))
	h := newHandler(t, f)
	id := chain.DeriveID([]byte("hold"))
	tx := bob.sign(f.chainID("aka"), chain.Transaction{Kind: chain.Accept, Hold: id})
	body := bodyOf(&tx)
	with := func(field string, value any) string {
		m := bodyOf(&tx)
		m[field] = value
		return textOf(t, m)
	}
	for _, tc := range []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"no verb", id.String(), textOf(t, body), 404, "path_unknown"},
		{"another verb", id.String() + ":take", textOf(t, body), 404, "path_unknown"},
		{"a verb more", id.String() + ":accept:reject", textOf(t, body), 404, "path_unknown"},
		{"not an id", "abc:accept", textOf(t, body), 400, "invalid_field"},
		{"nothing in it", id.String() + ":accept", `{}`, 400, "missing_values"},
		{"an amount", id.String() + ":accept", with("amount", 1), 400, "invalid_field"},
		{"another field", id.String() + ":accept", with("color", "red"), 400, "invalid_field"},
		{"another kind", id.String() + ":accept", with("kind", "reject"), 400, "invalid_field"},
		{"another hold", id.String() + ":accept", with("hold", chain.DeriveID(nil).String()), 400, "invalid_field"},
		{"signed for the other verb", id.String() + ":reject", with("kind", "reject"), 400, "signature_invalid"},
		{"in an open contract", id.String() + ":accept?contract=usd", textOf(t, body), 400, "kind_invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			requireProblem(t, call(h, "POST", "/v1/holds/"+tc.path, tc.body), tc.status, tc.code, "")
			require.Zero(t, f.writes)
		})
	}
	requireProblem(t, call(h, "GET", "/v1/holds/"+id.String(), ""), 404, "hold_unknown", "")
	requireProblem(t, call(h, "GET", "/v1/holds/abc", ""), 400, "invalid_field", "")
	require.Equal(t, http.StatusCreated, call(h, "POST", "/v1/holds/"+id.String()+"%3Aaccept", textOf(t, body)).Code)
}

func TestStatusOfAnIDThatIsNotThere(t *testing.T) {
	f := newFake(signedContract("aka"), openContract("usd"))
	f.clock = 1_700_000_599_999_999
	h := newHandler(t, f)
	tx, body := signedBody(t, f, alice, transferTo(bob)) // expires at second 1,700,000,600
	path := "/v1/transactions/" + tx.ID.String()
	for _, query := range []string{"", "?expires=1700000600"} {
		rec := call(h, "GET", path+query, "")
		p := requireProblem(t, rec, 404, "not_found", "")
		require.Equal(t, tx.ID.String(), p.ID)
		require.Contains(t, rec.Body.String(), `"transaction_status":"unknown"`)
	}
	f.clock++
	require.Contains(t, call(h, "GET", path, "").Body.String(), `"transaction_status":"unknown"`)
	rec := call(h, "GET", path+"?expires=1700000600", "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.JSONEq(t, `{"id":"`+tx.ID.String()+`","contract":"aka","status":"expired"}`, rec.Body.String())
	require.Equal(t, 200, call(h, "HEAD", path+"?expires=1700000600", "").Code)

	// What is there is there, whatever the time.
	require.Equal(t, http.StatusCreated, call(h, "POST", "/v1/transactions", body).Code)
	require.Equal(t, "final", readAnswer(t, call(h, "GET", path+"?expires=1700000600", "").Body.Bytes()).Status)

	requireProblem(t, call(h, "GET", path+"?expires=soon", ""), 400, "invalid_field", "")
	requireProblem(t, call(h, "GET", path+"?expires=0", ""), 400, "invalid_field", "")
	requireProblem(t, call(h, "GET", path+"?expires=1&contract=usd", ""), 400, "invalid_field", "")
}

// lateReader applies the transaction while the time is being read: what is
// said must hold for either order.
type lateReader struct {
	*fake
	arrive func()
}

func (r *lateReader) Time(token string) chain.Micros {
	now := r.fake.Time(token)
	r.arrive()
	return now
}

func TestExpiredIsSaidOnlyOfWhatCanNeverCome(t *testing.T) {
	f := newFake(signedContract("aka"))
	tx := alice.sign(f.chainID("aka"), transferTo(bob))
	r := &lateReader{fake: f, arrive: func() {
		f.Submit(t.Context(), &f.chains[0].contract, []chain.Transaction{tx})
		f.clock = 1_700_000_600_000_000
	}}
	h, err := New(DefaultConfig(), f, r, f, f)
	require.NoError(t, err)
	h = conforming(t, h)
	rec := call(h, "GET", "/v1/transactions/"+tx.ID.String()+"?expires=1700000600", "")
	require.Equal(t, "final", readAnswer(t, rec.Body.Bytes()).Status)
}

func TestRefusedStaysRefused(t *testing.T) {
	f := newFake(signedContract("aka"))
	id := chain.DeriveID([]byte("x"))
	f.chains[0].outcomes[id] = chain.Outcome{Record: chain.Record{ID: id}, Refused: chain.InsufficientFunds}
	f.clock = 1_800_000_000_000_000
	rec := call(newHandler(t, f), "GET", "/v1/transactions/"+id.String()+"?expires=1700000600", "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.JSONEq(t, `{"id":"`+id.String()+`","contract":"aka","status":"refused","code":"insufficient_funds",
		"detail":"The sender has not enough"}`, rec.Body.String())
}

func TestAccountOfASignedContract(t *testing.T) {
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	path := "/v1/accounts/" + alice.address()
	begin := `{"address":"` + alice.address() + `","contract":"aka","balance":0,"records":0,"applied_index":1,`
	show := func(want string) {
		t.Helper()
		require.JSONEq(t, begin+want+`}`, call(h, "GET", path, "").Body.String())
	}
	show(`"receive":"auto","frozen":false`)

	wallet := &chain.Wallet{Receive: chain.ReceiveClosed, Frozen: true, Key: carol.public()}
	wallet.PerTransfer = chain.Limit{Amount: 1_500_000}
	wallet.PerDay = chain.Limit{Amount: 2_000_000}.Change(0, f.clock, time.Hour)
	f.chains[0].wallets[alice.address()] = wallet
	rest := `"receive":"closed","frozen":true,"key":"` + chain.Hash(carol.public()).String() + `","per_transfer":1.5`
	show(rest + `,"per_day":2,"per_day_next":0,"per_day_next_at":1700003600`)
	f.clock += 3_599_999_999
	show(rest + `,"per_day":2,"per_day_next":0,"per_day_next_at":1700003600`)
	f.clock++
	show(rest)
	wallet.PerTransfer = wallet.PerTransfer.Change(3_000_000, f.clock, 1500*time.Millisecond)
	show(rest + `,"per_transfer_next":3,"per_transfer_next_at":1700003601.5`)

	// One mistyped is not one that has nothing.
	requireProblem(t, call(h, "GET", path+"x", ""), 400, "address_invalid", "")
	requireProblem(t, call(h, "GET", "/v1/accounts/wallet-a", ""), 400, "address_invalid", "")
	require.Equal(t, 200, call(h, "GET", "/v1/accounts/"+chain.BPSCAddress("aka"), "").Code)
}

func TestSignedContractIsCreatedAndCountsItsHolds(t *testing.T) {
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	rec := call(h, "POST", "/v1/contracts", `{"token":"usd","issuer":"`+alice.address()+`","supply":1000}`)
	require.Equal(t, http.StatusCreated, rec.Code, rec.Body.String())
	require.Contains(t, rec.Body.String(), `"bpsc":"`+chain.BPSCAddress("usd")+`"`)
	require.Contains(t, rec.Body.String(), `"open_holds":0`)
	postHold(t, f, h)
	require.Contains(t, call(h, "GET", "/v1/contracts/aka", "").Body.String(), `"open_holds":1`)
	require.Contains(t, call(h, "GET", "/v1/contracts", "").Body.String(), `"open_holds":1`)
}
