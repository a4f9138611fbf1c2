package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestOneBadSignatureAmongMany(t *testing.T) {
	const many, bad = 500, 321
	f := newFake(signedContract("aka"))
	ids, bodies := make([]string, many), make([]string, many)
	for i := range bodies {
		tx := alice.sign(f.chainID("aka"), transferTo(bob))
		m := bodyOf(&tx)
		if i == bad {
			m["amount"] = 13
		}
		ids[i], bodies[i] = tx.ID.String(), textOf(t, m)
	}
	results := batch(t, newHandler(t, f), `{"transactions":[`+strings.Join(bodies, ",")+`]}`, many)
	for i, r := range results {
		if i == bad {
			require.Equal(t, batchResult{Status: "refused", Code: "signature_invalid",
				Detail: "it is not by public_key over these fields and the id of this chain"}, r)
			continue
		}
		require.Equal(t, ids[i], r.ID)
		require.Equal(t, "final", r.Status)
	}
	require.Len(t, f.last, many-1)
	require.Equal(t, 1, f.writes)
}

func TestSignedBatchMixesKindsAndRefusals(t *testing.T) {
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	sign := func(tx chain.Transaction) string {
		tx = alice.sign(f.chainID("aka"), tx)
		return textOf(t, bodyOf(&tx))
	}
	transfer, own := sign(transferTo(bob)), sign(transferTo(alice))
	results := batch(t, h, `{"transactions":[`+strings.Join([]string{
		transfer, own, transfer, "17", sign(plainOf(chain.Hold)), sign(plainOf(chain.Rules)), transferAB}, ",")+`]}`, 7)
	require.Equal(t, "final", results[0].Status)
	require.Equal(t, "own_account", results[1].Code)
	require.True(t, results[2].Replay, "the same id twice in one batch happens once")
	require.Equal(t, results[0].ID, results[2].ID)
	require.Equal(t, "transactions[3] must be an object", results[3].Detail)
	require.Equal(t, "pending", results[4].Status)
	require.Equal(t, "final", results[5].Status)
	require.Equal(t, "missing_values", results[6].Code)

	// A hold that has been decided since is told when the batch comes again.
	hold := f.last[2]
	f.chains[0].holds[hold.ID] = chain.HoldState{Ended: chain.HoldRejected}
	rec := call(h, "POST", "/v1/transactions:batch", `{"transactions":[5,`+textOf(t, bodyOf(&hold))+`]}`)
	require.Contains(t, rec.Body.String(), `"status":"final","kind":"hold","hold_until":1700003600,"resolved":"hold_rejected"`)
}

func TestBatchOfBadSignaturesReachesNothing(t *testing.T) {
	f := newFake(signedContract("aka"))
	tx := alice.sign(f.chainID("aka"), transferTo(bob))
	m := bodyOf(&tx)
	m["memo"] = "another"
	batch(t, newHandler(t, f), `{"transactions":[`+textOf(t, m)+`]}`, 1)
	require.Zero(t, f.writes)
}
