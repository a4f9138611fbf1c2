package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/protocol"
)

// Whoever names the chain gets an answer about that chain, or none.
func TestARequestThatNamesAnotherChainIsRefused(t *testing.T) {
	f := newFake(openContract("aka"), openContract("usd"))
	aka, err := f.Contract("aka")
	require.NoError(t, err)
	usd, err := f.Contract("usd")
	require.NoError(t, err)
	n := newFakeNode()
	n.upstream = newHandler(t, f)
	for name, h := range map[string]http.Handler{"member": newHandler(t, f), "follower": newFollower(t, f, n)} {
		for _, tc := range []struct {
			method, target, body string
			status               int
		}{
			{"POST", "/transactions/new", transferAB, 201},
			{"POST", "/v1/transactions", transferAB, 201},
			{"POST", "/v1/transactions?contract=aka", transferAB, 201},
			{"POST", "/v1/transactions:batch", `{"transactions":[` + transferAB + `]}`, 200},
			{"GET", "/v1/accounts/a", "", 200},
			{"GET", "/v1/blocks/1", "", 200},
			{"GET", "/chain", "", 200},
			{"GET", "/v1/events", "", 200},
		} {
			before := len(f.chains[0].pending)
			for _, other := range []string{usd.ID.String(), "x", ""} {
				requireProblem(t, call(h, tc.method, tc.target, tc.body, protocol.Chain, other), 409, "chain_other", "")
			}
			require.Len(t, f.chains[0].pending, before, "%s %s", name, tc.target)
			if tc.target == "/v1/events" {
				continue // it would go on
			}
			rec := call(h, tc.method, tc.target, tc.body, protocol.Chain, aka.ID.String())
			require.Equal(t, tc.status, rec.Code, "%s %s: %s", name, tc.target, rec.Body)
		}
	}
	requireProblem(t, call(newHandler(t, f), "GET", "/mine", "", protocol.Chain, usd.ID.String()), 409, "chain_other", "")
	require.NotEmpty(t, n.relayed)
	require.Equal(t, aka.ID.String(), n.relayed[0].Chain)
}
