package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// The fake's past is made up: at block n an account has n tokens, and a hold is
// opened in block 2 and delivered in block 4.

func (f *fake) Moment(token string, index uint64) (chain.Moment, error) {
	canonical, hash, err := f.Block(token, index)
	at, _ := chain.TimestampOf(canonical)
	return chain.Moment{Block: index, Hash: hash, Timestamp: at}, err
}

func (f *fake) MomentAt(token string, at chain.Micros) (m chain.Moment, err error) {
	for i := uint64(1); ; i++ {
		next, err := f.Moment(token, i)
		if err != nil || next.Timestamp > at {
			return m, nil
		}
		m = next
	}
}

func (f *fake) AccountAt(token, name string, block uint64) (chain.Account, error) {
	if name == "busy" {
		return chain.Account{}, fmt.Errorf("%w: known up to block 3", chain.ErrUnfinished)
	}
	return chain.Account{Balance: chain.Amount(block * 1_000_000), Records: block, Wallet: f.find(token).wallets[name]}, nil
}

func (f *fake) HoldAt(token string, id chain.ID, block uint64) (chain.HoldState, error) {
	h := chain.HoldState{Sender: "a", Recipient: "b", Amount: 5, Until: 1_700_000_900}
	if block < 2 || id != (chain.ID{7}) {
		return h, chain.NotFound
	}
	if block >= 4 {
		h.Ended = chain.HoldDelivered
	}
	return h, nil
}

func (f *fake) HoldsAt(token string, q chain.PastHoldQuery) (page chain.PastHoldPage, err error) {
	f.askedPast = q
	if h, err := f.HoldAt(token, chain.ID{7}, q.Block); err == nil && h.Ended == "" {
		page.Holds = append(page.Holds, chain.OpenHold{ID: chain.ID{7}, HoldState: h})
		page.Next = "there"
	}
	return page, nil
}

func TestReadsAsOfABlockOrATime(t *testing.T) {
	f := newFake()
	grow(f, 5) // at the seconds 1,700,000,000 to …004
	h := newHandler(t, f)
	info, err := f.Contract("aka")
	require.NoError(t, err)
	hash := func(block uint64) string {
		_, hash, err := f.Block("aka", block)
		require.NoError(t, err)
		return hash.String()
	}
	hold := "/v1/holds/" + chain.ID{7}.String()
	asOf := func(block uint64) string {
		return fmt.Sprintf(`,"as_of":{"block":%d,"hash":"%s","timestamp":170000000%d.0}`, block, hash(block), block-1)
	}
	account := func(block uint64) string {
		return fmt.Sprintf(`{"address":"a","contract":"aka","balance":%d,"records":%d%s}`, block, block, asOf(block))
	}
	ofHold := func(status, asOf string) string {
		return fmt.Sprintf(`{"id":"%s","contract":"aka","status":"%s","sender":"a","recipient":"b","amount":5e-06,"hold_until":1700000900%s}`, chain.ID{7}, status, asOf)
	}
	for _, tc := range []struct {
		target, body string
		settled      bool
	}{
		{"/v1/accounts/a?at_block=1", account(1), true},
		{"/v1/accounts/a?at_block=5", account(5), true},
		{"/v1/accounts/a?at=1700000000", account(1), true},
		{"/v1/accounts/a?at=1700000002.999999", account(3), true},
		{"/v1/accounts/a?at=2023-11-14T22:13:23Z", account(4), true},
		{"/v1/accounts/a?at=2023-11-14T23:13:23.5%2B01:00", account(4), true},
		{"/v1/accounts/a?at=1700000004", account(5), false}, // another block may have that time, too
		{"/v1/accounts/a?at=4000000000", account(5), false},
		{hold + "?at_block=2", ofHold("pending", asOf(2)), true},
		{hold + "?at_block=4", ofHold("hold_delivered", asOf(4)), true},
		{"/v1/accounts/b/holds?at_block=3&role=sender&limit=9&after=" + info.ID.String()[:16] + "-here",
			`{"items":[` + ofHold("pending", "") + `],"next":"` + info.ID.String()[:16] + `-there"` + asOf(3) + `}`, true},
		{"/v1/accounts/b/holds?at_block=4", `{"items":[]` + asOf(4) + `}`, true},
	} {
		rec := call(h, "GET", tc.target, "")
		require.Equal(t, 200, rec.Code, "%s: %s", tc.target, rec.Body)
		require.Equal(t, tc.body+"\n", rec.Body.String(), tc.target)
		require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"), tc.target)
		tag := rec.Header().Get("Etag")
		require.Equal(t, 304, call(h, "GET", tc.target, "", "If-None-Match", tag).Code)

		rec = call(h, "GET", tc.target+"&chain="+info.ID.String(), "")
		require.Equal(t, tc.body+"\n", rec.Body.String(), tc.target)
		want := map[bool]string{true: "public, max-age=31536000, immutable", false: "no-cache"}[tc.settled]
		require.Equal(t, want, rec.Header().Get("Cache-Control"), tc.target)
	}
	call(h, "GET", "/v1/accounts/b/holds?at_block=3&role=sender&limit=9&after="+info.ID.String()[:16]+"-here", "")
	require.Equal(t, chain.PastHoldQuery{Account: "b", Role: chain.HoldSender, Block: 3, After: "here", Limit: 9}, f.askedPast)

	for target, want := range map[string]struct {
		status int
		code   string
	}{
		"/v1/accounts/a?at_block=6":                       {404, "block_not_here"},
		hold + "?at_block=9":                              {404, "block_not_here"},
		"/v1/accounts/a/holds?at_block=9":                 {404, "block_not_here"},
		"/v1/accounts/a?at=1699999999.999999":             {404, "before_genesis"},
		"/v1/accounts/a?at=2001-01-01T00:00:00Z":          {404, "before_genesis"},
		hold + "?at_block=1":                              {404, "hold_unknown"},
		"/v1/accounts/a?at_block=0":                       {400, "invalid_field"},
		"/v1/accounts/a?at_block=-1":                      {400, "invalid_field"},
		"/v1/accounts/a?at_block=x":                       {400, "invalid_field"},
		"/v1/accounts/a?at_block=1&at_block=2":            {400, "invalid_field"},
		"/v1/accounts/a?at_block=2&at=1700000000":         {400, "invalid_field"},
		"/v1/accounts/a?at=yesterday":                     {400, "invalid_field"},
		"/v1/accounts/a?at=Today":                         {400, "invalid_field"},
		"/v1/accounts/a?at=0":                             {400, "invalid_field"},
		"/v1/accounts/a?at=1700000000x":                   {400, "invalid_field"},
		"/v1/accounts/a?at=1700000000.1234567":            {400, "invalid_field"},
		"/v1/accounts/a?at=99999999999":                   {400, "invalid_field"},
		"/v1/accounts/a?at=2023-11-14T23:13:23+01:00":     {400, "invalid_field"}, // a space
		"/v1/accounts/a/holds?at_block=3&role=nobody":     {400, "invalid_field"},
		"/v1/accounts/a/holds?at_block=3&after=x":         {400, "invalid_field"},
		"/v1/accounts/a/transactions?at_block=3":          {400, "invalid_field"},
		"/v1/accounts/a?at_block=3&contract=no":           {404, "contract_unknown"},
		"/v1/accounts/busy?at_block=3":                    {503, "past_not_ready"},
		"/v1/accounts/a?at_block=3&consistency=sometimes": {400, "invalid_field"},
	} {
		rec := call(h, "GET", target, "")
		requireProblem(t, rec, want.status, want.code, "")
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"), target)
		require.Empty(t, rec.Header().Get("Etag"), target)
	}
}

// A replica that has the block waits for nobody; one that has not, or does not know
// whether it has the last before a time, asks.
func TestThePastNeedsNoLeaderWhereItIsSettled(t *testing.T) {
	f := newFake()
	grow(f, 3)
	f.stuck = true
	cfg := DefaultConfig()
	cfg.ReadTimeout = 50 * time.Millisecond
	h := newHandlerWith(t, cfg, f)
	for target, status := range map[string]int{
		"/v1/accounts/a":                                     503,
		"/v1/accounts/a?at_block=3":                          200,
		"/v1/accounts/a?at_block=4":                          503,
		"/v1/accounts/a?at=1700000001":                       200,
		"/v1/accounts/a?at=1700000002":                       503,
		"/v1/accounts/a?at=1700000002&consistency=local":     200,
		"/v1/accounts/a?at_block=4&consistency=local":        404,
		"/v1/accounts/a?at_block=1&min_index=99":             503,
		"/v1/accounts/a?at_block=1&min_block=9":              503,
		"/v1/accounts/a?at_block=3&consistency=leader":       200,
		"/v1/accounts/a?at_block=1&consistency=linearizable": 503,
	} {
		rec := call(h, "GET", target, "")
		require.Equal(t, status, rec.Code, "%s: %s", target, rec.Body)
	}
}

func TestAFollowerReadsThePast(t *testing.T) {
	f := newFake()
	grow(f, 3)
	n := newFakeNode()
	cfg := DefaultConfig()
	cfg.Hosts = []string{"localhost:5000"}
	h, err := NewFollower(cfg, f, n, n, n, f)
	require.NoError(t, err)
	h = conforming(t, h)
	require.Equal(t, 200, call(h, "GET", "/v1/accounts/a?at_block=3", "").Code)
	require.Equal(t, 200, call(h, "GET", "/v1/accounts/a?at=1700000002", "").Code)
	requireProblem(t, call(h, "GET", "/v1/accounts/a?at_block=4", ""), 404, "block_not_here", "")
}
