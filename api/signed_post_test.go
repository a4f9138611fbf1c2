package api

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// signedAnswer is the answer about a transaction as a client reads it.
type signedAnswer struct {
	ID, Status, Kind, Reason, Resolved, Code, Contract string
	HoldUntil                                          int64 `json:"hold_until"`
	Record                                             map[string]any
}

func readAnswer(t *testing.T, text []byte) (a signedAnswer) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &a), string(text))
	return a
}

func TestSignedTransferIsAnsweredAndReplayed(t *testing.T) {
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	tx, body := signedBody(t, f, alice, transferTo(bob))
	want := `{"id":"` + tx.ID.String() + `","status":"final","kind":"transfer","contract":"aka","block":2,"position":0,"applied_index":2,
		"record":` + string(chain.AppendRecord(nil, &[]chain.Record{f.chains[0].signedRecord(tx, nil)}[0], 6)) + `}`

	first := call(h, "POST", "/v1/transactions", body)
	require.Equal(t, http.StatusCreated, first.Code, first.Body.String())
	require.JSONEq(t, want, first.Body.String())
	require.Equal(t, "/v1/transactions/"+tx.ID.String(), first.Header().Get("Location"))

	again := call(h, "POST", "/v1/transactions", body)
	require.Equal(t, http.StatusOK, again.Code)
	require.JSONEq(t, want, again.Body.String())
	require.Equal(t, "true", again.Header().Get("Idempotent-Replay"))

	tutorial := call(h, "POST", "/transactions/new", body)
	require.Equal(t, http.StatusCreated, tutorial.Code)
	require.JSONEq(t, `{"message":"Transaction will be added to Block 2","id":"`+tx.ID.String()+`","status":"final","kind":"transfer",
		"block":2,"position":0,"amount_send":12.5,"amount_bpsc":0.000625,"amount_receive":12.499375,"applied_index":2}`, tutorial.Body.String())
}

// The default kind is what the tutorial's clients mean.
func TestTransferNeedsNoKind(t *testing.T) {
	f := newFake(signedContract("aka"))
	tx := alice.sign(f.chainID("aka"), transferTo(bob))
	m := bodyOf(&tx)
	for _, kind := range []any{nil, "transfer"} {
		if m["kind"] = kind; kind == nil {
			delete(m, "kind")
		}
		rec := call(newHandler(t, f), "POST", "/transactions/new", textOf(t, m))
		require.Equal(t, http.StatusCreated, rec.Code, rec.Body.String())
		require.Equal(t, tx.ID.String(), readAnswer(t, rec.Body.Bytes()).ID)
	}
}

// randomTransaction returns a valid one of any kind, not yet signed.
func randomTransaction(r *rand.Rand) chain.Transaction {
	kinds := []chain.Kind{chain.Transfer, chain.Hold, chain.Accept, chain.Reject, chain.Rules, chain.Issue, chain.Spend, chain.Burn}
	t := chain.Transaction{Kind: kinds[r.IntN(len(kinds))]}
	nonce := make([]byte, 16)
	for i := range nonce {
		nonce[i] = byte(r.Uint32())
	}
	t.Auth = &chain.Auth{Nonce: hex.EncodeToString(nonce), Expires: chain.Seconds(1 + r.Int64N(1<<33-1))}
	amount := func() chain.Amount { return 1 + chain.Amount(r.Int64N(int64(chain.MaxUnits)))>>r.IntN(50) + 1 }
	limit := func() *chain.Amount { a := amount() - 2; return &a }
	memos := []string{"", "m", "a \"memo\"\n", "überweisung \U0001f600", `\u0041`, "a/b"}
	switch t.Kind {
	case chain.Accept, chain.Reject:
		t.Hold = chain.DeriveID(nonce)
		return t
	case chain.Rules:
		t.Rules = &chain.RulesChange{PerDay: limit()}
		if r.IntN(2) == 0 {
			frozen := r.IntN(2) == 0
			t.Rules = &chain.RulesChange{Account: bob.address(), Frozen: &frozen}
			return t
		}
		if r.IntN(2) == 0 {
			receive, key := []chain.Receive{"auto", "approve", "closed"}[r.IntN(3)], carol.public()
			t.Rules.Receive, t.Rules.NewKey = &receive, &key
		}
		if r.IntN(2) == 0 {
			t.Rules.PerTransfer, t.Rules.PerDay = limit(), nil
		}
		return t
	case chain.Hold:
		t.HoldUntil = chain.Seconds(1 + r.Int64N(1<<40))
	}
	t.Amount, t.Memo = min(amount(), chain.MaxUnits), memos[r.IntN(len(memos))]
	if t.Kind != chain.Burn {
		t.Recipient = bob.address()
	}
	return t
}

// What reaches the ledger is what the client signed, under the same id, by
// every way in.
func TestEverySignedTransactionReachesTheLedgerAsItWasSigned(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	for i := range 1000 {
		tx, body := signedBody(t, f, alice, randomTransaction(r))
		target, status := []string{"/v1/transactions", "/transactions/new", "/v1/transactions:batch"}[i%3], http.StatusCreated
		switch {
		case i%3 == 2:
			status = http.StatusOK
			body = `{"transactions":[` + body + `]}`
		case i%2 == 0 && !tx.Hold.IsZero():
			target = "/v1/holds/" + tx.Hold.String() + ":" + string(tx.Kind)
		}
		f.last = nil
		rec := call(h, "POST", target, body)
		require.Equal(t, status, rec.Code, rec.Body.String()+body)
		require.Equal(t, []chain.Transaction{tx}, f.last, "%s %s", body, rec.Body.String())
		require.Contains(t, rec.Body.String(), `"id":"`+tx.ID.String()+`"`)
		require.Equal(t, tx.ID, chain.SignedID(f.last[0].AppendSigned(nil, f.chainID("aka"), 6)))
	}
}

func TestAnswerIsTheRecordThatWasDecided(t *testing.T) {
	for _, tc := range []struct {
		name   string
		become func(*chain.Record)
		want   signedAnswer
	}{
		{"hold", func(r *chain.Record) {
			r.Kind, r.Request, r.HoldUntil = chain.Hold, chain.Transfer, 1_700_003_600
			r.BPSC, r.AmountBPSC, r.AmountReceive = "", 0, 0
		}, signedAnswer{Status: "pending", Kind: "hold", HoldUntil: 1_700_003_600}},
		{"refund", func(r *chain.Record) {
			r.Kind, r.Request, r.Reason, r.AmountRefund = chain.Refund, chain.Transfer, chain.WalletClosed, r.AmountSend
			r.BPSC, r.AmountSend, r.AmountBPSC, r.AmountReceive = "", 0, 0, 0
		}, signedAnswer{Status: "final", Kind: "refund", Reason: "closed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(signedContract("aka"))
			f.become = tc.become
			h := newHandler(t, f)
			for _, target := range []string{"/v1/transactions", "/transactions/new", "batch"} {
				tx, body := signedBody(t, f, alice, transferTo(bob))
				want := tc.want
				want.ID = tx.ID.String()
				var answer signedAnswer
				if target == "batch" {
					rec := call(h, "POST", "/v1/transactions:batch", `{"transactions":[`+body+`]}`)
					var results struct{ Results []signedAnswer }
					require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &results))
					answer = results.Results[0]
				} else {
					answer = readAnswer(t, call(h, "POST", target, body).Body.Bytes())
				}
				answer.Record, answer.Contract = nil, ""
				require.Equal(t, want, answer, target)
			}
		})
	}
}

func TestRefundOnTheTutorialsPathSaysWhatWentBack(t *testing.T) {
	f := newFake(signedContract("aka"))
	f.become = func(r *chain.Record) {
		r.Kind, r.Request, r.Reason, r.AmountRefund = chain.Refund, chain.Transfer, chain.WalletFrozen, r.AmountSend
		r.BPSC, r.AmountSend, r.AmountBPSC, r.AmountReceive = "", 0, 0, 0
	}
	tx, body := signedBody(t, f, alice, transferTo(bob))
	rec := call(newHandler(t, f), "POST", "/transactions/new", body)
	require.JSONEq(t, `{"message":"Transaction will be added to Block 2","id":"`+tx.ID.String()+`","status":"final","kind":"refund",
		"reason":"frozen","block":2,"position":0,"amount_refund":12.5,"applied_index":2}`, rec.Body.String())
}
