package client

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestHoldsAreReadAPageAtATime(t *testing.T) {
	c := newClient(t, serving(t, map[string]string{
		"/v1/accounts/a%2Fb/holds":                            `{"items":[{"id":"1f","contract":"aka","status":"pending","sender":"a","recipient":"a/b","amount":0.000001,"hold_until":7}],"next":"n","applied_index":3}`,
		"/v1/accounts/b/holds?contract=aka&role=sender":       `{"items":[]}`,
		"/v1/accounts/b/holds?after=n&contract=aka&limit=100": `{"items":[]}`,
		"/v1/accounts/c/holds":                                `[]`,
	}))
	page, err := c.Holds(t.Context(), "", "a/b", HoldQuery{})
	require.NoError(t, err)
	require.Equal(t, HoldPage{Next: "n", Items: []Hold{{ID: "1f", Contract: "aka", Status: "pending", Sender: "a", Recipient: "a/b", Amount: "0.000001", Until: 7}}}, page)
	for _, q := range []HoldQuery{{Role: chain.HoldSender}, {Limit: 100, After: "n"}} {
		page, err = c.Holds(t.Context(), "aka", "b", q)
		require.NoError(t, err)
		require.Equal(t, HoldPage{Items: []Hold{}}, page)
	}
	_, err = c.Holds(t.Context(), "", "c", HoldQuery{})
	require.Error(t, err)
}
