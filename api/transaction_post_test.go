package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// A member tells the time by which it would be judged, also where it refuses
// because of it: a client cannot see otherwise that its own clock is wrong.
func TestTheChainsTimeIsTold(t *testing.T) {
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	contractTime := func() json.Number {
		var info struct{ Time json.Number }
		require.NoError(t, json.Unmarshal(call(h, "GET", "/v1/contracts/aka", "").Body.Bytes(), &info))
		return info.Time
	}
	require.Empty(t, contractTime(), "it is not known")
	f.now = 1_700_007_200_500_000
	require.Equal(t, json.Number("1700007200.5"), contractTime())

	tx := transferTo(bob)
	for _, code := range []chain.Code{chain.Expired, chain.ExpiresTooFar, chain.InsufficientFunds} {
		f.refuse = code
		_, body := signedBody(t, f, alice, tx)
		rec := call(h, "POST", "/v1/transactions", body)
		var p struct {
			Detail    string
			ChainTime int64 `json:"chain_time"`
		}
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &p))
		if code == chain.InsufficientFunds {
			require.Zero(t, p.ChainTime)
			continue
		}
		require.EqualValues(t, 1_700_007_200, p.ChainTime, rec.Body.String())
		require.Contains(t, call(h, "POST", "/v1/transactions:batch", `{"transactions":[`+body+`]}`).Body.String(), `"chain_time":1700007200`)
		require.Contains(t, p.Detail, "the chain's time is 2023-11-15T00:13:20Z (1700007200)")
	}
}
