package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/chain"
)

func TestHistoryPassesTheQuestionOn(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	r, err := chain.NewTransfer(&f.chains[0].contract, &chain.Transaction{ID: chain.DeriveID([]byte("k")), Sender: "a", Recipient: "b", Amount: 1_000_000})
	require.NoError(t, err)
	f.history = chain.HistoryPage{Next: "n", Records: []chain.HistoryRecord{{Record: r, Block: 3, Position: 1, Pending: true, Cursor: "c"}}}
	rec := call(h, "GET", "/v1/accounts/a%2Fb/transactions?limit=7&order=asc&kind=transfer,hold&direction=out&after="+cursorOf(f, "x"), "")
	require.Equal(t, 200, rec.Code, rec.Body)
	require.Equal(t, chain.HistoryQuery{Limit: 7, OldestFirst: true, Direction: chain.Out, After: "x",
		Kinds: []chain.Kind{chain.Transfer, chain.Hold}}, f.asked)
	require.JSONEq(t, `{"items":[{"block":3,"position":1,"in_block":false,"cursor":"`+cursorOf(f, "c")+`","record":`+
		string(chain.AppendRecord(nil, &r, 6))+`}],"next":"`+cursorOf(f, "n")+`"}`, rec.Body.String())
}

// cursorOf is a cursor as clients see it.
func cursorOf(f *fake, place string) string {
	return string(cursor.Append(nil, chain.HashBytes(f.chains[0].blocks[0]))) + place
}

func TestCursorsAreOfOneChain(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	for _, side := range []string{"after", "before"} {
		requireProblem(t, call(h, "GET", "/v1/accounts/a/transactions?"+side+"=00000000000000ff-x", ""), 409, "chain_other", "")
		for _, bad := range []string{"x", "-", "00ff-x", cursorOf(f, "")} {
			requireProblem(t, call(h, "GET", "/v1/accounts/a/transactions?"+side+"="+bad, ""), 400, "invalid_field", "")
		}
	}
}

func TestHistoryRefuses(t *testing.T) {
	h := newHandler(t, newFake())
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "order=up", "after=bad", "status=pending", "foo=1"} {
		requireProblem(t, call(h, "GET", "/v1/accounts/a/transactions?"+query, ""), 400, "invalid_field", "")
	}
}
