package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// batchResult is one result of a batch as a client reads it.
type batchResult struct {
	ID, Status, Code, Detail, Key string
	Block, Position               int
	Replay, Retryable             bool
}

func batch(t *testing.T, h http.Handler, body string, want int) []batchResult {
	t.Helper()
	rec := call(h, "POST", "/v1/transactions:batch", body)
	require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
	var answer struct{ Results []batchResult }
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer), rec.Body.String())
	require.Len(t, answer.Results, want)
	return answer.Results
}

func TestPostTransactionAnswersAndReplays(t *testing.T) {
	h := newHandler(t, newFake())
	id := chain.DeriveID([]byte("k1")).String()
	want := `{"id":"` + id + `","status":"final","kind":"transfer","contract":"aka","block":2,"position":0,"applied_index":2,"record":
		{"amount_bpsc":50,"amount_receive":999950,"amount_send":1000000,"bpsc":"bpsc_wallet_address","kind":"transfer",
		"id":"` + id + `","recipient":"wallet-b","sender":"wallet-a"}}`

	first := call(h, "POST", "/v1/transactions", transferAB, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusCreated, first.Code)
	require.JSONEq(t, want, first.Body.String())
	require.Equal(t, "/v1/transactions/"+id, first.Header().Get("Location"))
	require.Empty(t, first.Header().Get("Idempotent-Replay"))

	again := call(h, "POST", "/v1/transactions", transferAB, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusOK, again.Code)
	require.JSONEq(t, want, again.Body.String())
	require.Equal(t, "true", again.Header().Get("Idempotent-Replay"))

	tutorial := call(h, "POST", "/transactions/new", transferAB, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusCreated, tutorial.Code)
	require.Equal(t, "true", tutorial.Header().Get("Idempotent-Replay"))
}

func TestSameIDWithOtherContentIsAConflict(t *testing.T) {
	h := newHandler(t, newFake())
	call(h, "POST", "/v1/transactions", transferAB, "Idempotency-Key", "k1")
	rec := call(h, "POST", "/v1/transactions", transfer("amount", "7"), "Idempotency-Key", "k1")
	p := requireProblem(t, rec, http.StatusConflict, "id_reused", "")
	require.Equal(t, chain.DeriveID([]byte("k1")).String(), p.ID)
}

func TestTransactionsWithoutAKeyAreDifferent(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	for range 3 {
		require.Equal(t, 201, call(h, "POST", "/v1/transactions", transferAB).Code)
	}
	require.Len(t, f.chains[0].outcomes, 3)
}

func TestGetTransaction(t *testing.T) {
	h := newHandler(t, newFake(openContract("aka"), openContract("usd")))
	post := call(h, "POST", "/v1/transactions?contract=usd", transferAB)
	location := post.Header().Get("Location")
	require.Contains(t, location, "?contract=usd")
	rec := call(h, "GET", location, "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Contains(t, rec.Body.String(), `"in_block":false`)
	call(h, "POST", "/mine?contract=usd", "")
	require.Contains(t, call(h, "GET", location, "").Body.String(), `"in_block":true`)

	elsewhere, _, _ := strings.Cut(location, "?")
	requireProblem(t, call(h, "GET", elsewhere, ""), http.StatusNotFound, "not_found", "")
}

func TestBatchHasOneResultForEachItemInOrder(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	body := `{"contract":"aka","transactions":[
		{"sender":"a","amount":1,"recipient":"b","key":"k1"},
		{"sender":"a","amount":2,"recipient":"b","memo":null,"key":null},
		17,
		{"sender":"a","amount":1,"recipient":"b","key":"k1"},
		{"sender":"a","amount":9,"recipient":"b","key":"k1"},
		{"sender":"a","amount":1,"recipient":"b","color":"red"},
		{"sender":"a","amount":1,"recipient":"b","key":5}]}`
	results := batch(t, h, body, 7)
	id := chain.DeriveID([]byte("k1")).String()
	require.Equal(t, batchResult{ID: id, Status: "final", Block: 2}, results[0])
	require.Equal(t, "final", results[1].Status)
	require.Equal(t, 1, results[1].Position)
	require.Equal(t, batchResult{Status: "refused", Code: "invalid_field", Detail: "transactions[2] must be an object"}, results[2])
	require.Equal(t, batchResult{ID: id, Status: "final", Block: 2, Replay: true}, results[3])
	require.Equal(t, "id_reused", results[4].Code)
	require.Equal(t, "invalid_field", results[5].Code)
	require.Equal(t, "invalid_field", results[6].Code)
	require.Equal(t, 1, f.writes, "a batch is ordered at once")
}

func TestBatchEnvelope(t *testing.T) {
	item := `{"sender":"a","amount":1,"recipient":"b"}`
	for _, tc := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"no list", `{}`, 400, "missing_values"},
		{"not a list", `{"transactions":{}}`, 400, "invalid_field"},
		{"unknown field", `{"transactions":[],"token":"aka"}`, 400, "invalid_field"},
		{"unknown contract", `{"transactions":[],"contract":"nix"}`, 404, "contract_unknown"},
		{"lone surrogate", `{"transactions":[{"sender":"\ud800"}]}`, 400, "invalid_utf8"},
		{"not JSON", `{"transactions":[`, 400, "invalid_json"},
		{"too many", `{"transactions":[` + item + strings.Repeat(","+item, chain.MaxBlockRecords) + `]}`, 413, "batch_too_large"},
		{"too large", `{"transactions":["` + strings.Repeat("a", maxBatchBody) + `"]}`, 413, "body_too_large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake()
			rec := call(newHandler(t, f), "POST", "/v1/transactions:batch", tc.body)
			requireProblem(t, rec, tc.status, tc.code, "")
			require.Zero(t, f.writes)
		})
	}
	f := newFake()
	batch(t, newHandler(t, f), `{"transactions":[]}`, 0)
	batch(t, newHandler(t, f), `{"transactions":[1,2]}`, 2)
	require.Zero(t, f.writes)
	batch(t, newHandler(t, f), `{"transactions":[`+item+strings.Repeat(","+item, chain.MaxBlockRecords-1)+`]}`, chain.MaxBlockRecords)
}

func TestBlockIsItsCanonicalBytes(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	call(h, "GET", "/mine", "")
	rec := call(h, "GET", "/v1/blocks/1", "")
	require.Equal(t, http.StatusOK, rec.Code)
	block2 := call(h, "GET", "/v1/blocks/2", "").Body.String()
	require.Contains(t, block2, `"previous_hash": "`+chain.HashBytes(rec.Body.Bytes()).String()+`"`)
	require.Equal(t, "application/json", rec.Header().Get("Content-Type"))
	require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"))
	tag := rec.Header().Get("ETag")
	require.Equal(t, `"`+f.hash(1)+`"`, tag)

	for _, list := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		rec = call(h, "GET", "/v1/blocks/1", "", "If-None-Match", list)
		require.Equal(t, http.StatusNotModified, rec.Code, list)
		require.Empty(t, rec.Body.String())
	}
	require.Equal(t, http.StatusOK, call(h, "GET", "/v1/blocks/1", "", "If-None-Match", `"x"`).Code)
	require.Equal(t, http.StatusOK, call(h, "HEAD", "/v1/blocks/1", "").Code)
}

func TestBlockThatDoesNotExistYetMayNotBeKept(t *testing.T) {
	rec := call(newHandler(t, newFake()), "GET", "/v1/blocks/2", "")
	requireProblem(t, rec, http.StatusNotFound, "not_found", "there is no block 2")
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
}

func TestBlocksComeInPages(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	for range 4 {
		call(h, "POST", "/mine", "")
	}
	var page struct {
		Items []json.RawMessage
		Next  int
	}
	from, seen := 1, 0
	for from != 0 {
		rec := call(h, "GET", fmt.Sprintf("/v1/blocks?limit=2&from=%d", from), "")
		page.Items, page.Next = nil, 0
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &page))
		for _, item := range page.Items {
			require.Equal(t, string(f.chains[0].blocks[seen]), string(item))
			seen++
		}
		from = page.Next
	}
	require.Equal(t, 5, seen)
	require.JSONEq(t, `{"items":[]}`, call(h, "GET", "/v1/blocks?from=9", "").Body.String())
}

func TestAccountNamesMayBeAnyText(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	for _, name := range []string{"wallet-b", "a/b", "/", "..", "a b", "a+b", "100%", "über/€", "x?y#z", "日本", `q"uote`, ":id", "*"} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(name)
			require.NoError(t, err)
			require.Equal(t, 201, call(h, "POST", "/v1/transactions", transfer("sender", string(text))).Code)
			rec := call(h, "GET", "/v1/accounts/"+url.PathEscape(name), "")
			require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
			var answer struct {
				Address, Contract string
				Balance           json.Number
				Applied           uint64 `json:"applied_index"`
			}
			require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
			require.Equal(t, name, answer.Address)
			require.Equal(t, "aka", answer.Contract)
			require.Equal(t, json.Number("-1"), answer.Balance)
			require.Equal(t, f.applied, answer.Applied)
		})
	}
}

func TestUnknownAccountHasNothing(t *testing.T) {
	rec := call(newHandler(t, newFake()), "GET", "/v1/accounts/nobody", "")
	require.JSONEq(t, `{"address":"nobody","contract":"aka","balance":0,"records":0,"applied_index":1}`, rec.Body.String())
}

func TestContractsAreCreatedAndShown(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	rec := call(h, "POST", "/v1/contracts", `{"token":"usd","decimals":2,"wallets":"open","schedule":{"every":"1s"}}`)
	require.Equal(t, http.StatusCreated, rec.Code, rec.Body.String())
	require.Equal(t, "/v1/contracts/usd", rec.Header().Get("Location"))
	want := `{"token":"usd","contract":{"bpsc":"bpsc_wallet_address","decimals":2,"fee_ppm":50,"fees":"hold","freezable":false,
		"mintable":false,"on_request":true,"schedule":{"empty":true,"every":1},"token":"usd","wallets":"open"},
		"chain_id":"` + chain.HashBytes(f.chains[1].blocks[0]).String() + `","length":1,
		"tip":"` + chain.HashBytes(f.chains[1].blocks[0]).String() + `","tip_timestamp":1700000000.5,
		"records":0,"pending":0,"open_holds":0,"totals":{"issued":0,"burned":0,"fees":0,"held":0}}`
	require.JSONEq(t, want, rec.Body.String())
	require.JSONEq(t, want, call(h, "GET", "/v1/contracts/usd", "").Body.String())

	var list struct{ Items []struct{ Token string } }
	require.NoError(t, json.Unmarshal(call(h, "GET", "/v1/contracts", "").Body.Bytes(), &list))
	require.Len(t, list.Items, 2)
	require.Equal(t, "aka", list.Items[0].Token)
	require.Equal(t, "usd", list.Items[1].Token)
}

func TestNewContractThisReplicaHasNotSeenIsAnsweredAllTheSame(t *testing.T) {
	f := newFake()
	f.lag, f.stuck = 1, true
	rec := call(newHandler(t, f), "POST", "/v1/contracts", `{"token":"usd","wallets":"open"}`)
	require.Equal(t, http.StatusCreated, rec.Code)
	require.NotContains(t, rec.Body.String(), "chain_id")
}

func TestClusterStatus(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Version = "1.2.3"
	rec := call(newHandlerWith(t, cfg, newFake()), "GET", "/v1/cluster", "")
	require.JSONEq(t, `{"id":"n1","leader":"n1","term":3,"version":"1.2.3","configuration":0,
		"health":{"summary":"1 of 1 healthy, can lose 0","voters":1,"healthy":1,"majority":1,"can_lose":0},"members":[{"id":"n1","voter":true,"raft":"127.0.0.1:6000",
		"api":"http://127.0.0.1:5000","role":"leader","term":3,"applied":9,"commit":9,"last":9,"lag":0,"last_contact_ms":0,"clock_offset_ms":0,
		"ready":true,"signing":false,"not_signing":"it has no key"}]}`, rec.Body.String())
}

// Who votes and can serve counts, and whoever reads it learns what may still fail.
func TestHealthOfACluster(t *testing.T) {
	voter := MemberStatus{Voter: true, Ready: true, Role: "follower"}
	unready := MemberStatus{Voter: true, Role: "follower"}
	gone := MemberStatus{Voter: true, Ready: true, Role: "unreachable"}
	other := MemberStatus{Ready: true, Role: "follower"}
	for _, tc := range []struct {
		members []MemberStatus
		want    ClusterHealth
	}{
		{[]MemberStatus{voter, voter, voter, other}, ClusterHealth{"3 of 3 healthy, can lose 1", 3, 3, 2, 1}},
		{[]MemberStatus{voter, unready, voter}, ClusterHealth{"2 of 3 healthy, can lose 0", 3, 2, 2, 0}},
		{[]MemberStatus{voter, unready, gone}, ClusterHealth{"1 of 3 healthy, and it takes 2", 3, 1, 2, 0}},
		{[]MemberStatus{voter, voter, voter, voter, gone}, ClusterHealth{"4 of 5 healthy, can lose 1", 5, 4, 3, 1}},
		{nil, ClusterHealth{"0 of 0 healthy, and it takes 1", 0, 0, 1, 0}},
	} {
		require.Equal(t, tc.want, healthOf(tc.members))
	}
}

func TestClusterEvents(t *testing.T) {
	h := newHandler(t, newFake())
	rec := call(h, "GET", "/v1/cluster/events?after=1&limit=1", "")
	require.JSONEq(t, `{"member":"n1","began":"2027-01-15T08:00:00Z","next":2,"items":[
		{"number":2,"time":"2027-01-15T08:00:02Z","kind":"leader","term":2,"member":"n1","text":"n1 leads"}]}`, rec.Body.String())
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	require.JSONEq(t, `{"member":"n1","began":"2027-01-15T08:00:00Z","items":[]}`, call(h, "GET", "/v1/cluster/events?after=3", "").Body.String())
	requireProblem(t, call(h, "GET", "/v1/cluster/events?limit=1001", ""), 400, "invalid_field", "")
	requireProblem(t, call(h, "GET", "/v1/cluster/events?after=-1", ""), 400, "invalid_field", "")
	requireProblem(t, call(h, "GET", "/v1/cluster/events?from=1", ""), 400, "invalid_field", "")
}

func TestHealth(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	require.Equal(t, "ok\n", call(h, "GET", "/livez", "").Body.String())
	require.Equal(t, "ok\n", call(h, "GET", "/readyz", "").Body.String())
	require.Equal(t, "[+]member ok\n[+]leader n1\n[+]contract aka\n", call(h, "GET", "/readyz?verbose", "").Body.String())
	f.err = fmt.Errorf("no leader for 3 s")
	rec := call(h, "GET", "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.Equal(t, "no leader for 3 s\n", rec.Body.String())
	require.Equal(t, http.StatusOK, call(h, "GET", "/livez", "").Code)
}

func TestMemberWithoutAContractAsksToRetry(t *testing.T) {
	h := newHandler(t, &fake{grown: make(chan struct{})})
	p := requireProblem(t, call(h, "POST", "/transactions/new", transferAB), http.StatusServiceUnavailable, "no_contract", "")
	require.True(t, p.Retryable)
	requireProblem(t, call(h, "GET", "/chain", ""), http.StatusServiceUnavailable, "no_contract", "")
	require.JSONEq(t, `{"items":[]}`, call(h, "GET", "/v1/contracts", "").Body.String())
}
