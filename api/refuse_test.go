package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/openapi"
)

// answeredProblem is a problem as a client reads it.
type answeredProblem struct {
	Type, Title, Detail, Code, Instance string
	Status                              int
	RequestID                           string `json:"request_id"`
	Retryable                           bool
	ID                                  string
	Key                                 string `json:"idempotency_key"`
}

// requireProblem checks that an answer is a problem and complete. detail ""
// accepts any.
func requireProblem(t *testing.T, rec *httptest.ResponseRecorder, status int, code, detail string) answeredProblem {
	t.Helper()
	require.Equal(t, status, rec.Code, rec.Body.String())
	require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
	var p answeredProblem
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &p), rec.Body.String())
	require.Equal(t, code, p.Code, rec.Body.String())
	require.Equal(t, openapi.ProblemPath+code, p.Type)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	require.Equal(t, rec.Header().Get("X-Request-Id"), p.RequestID)
	if detail != "" {
		require.Equal(t, detail, p.Detail)
	}
	return p
}

// transfer is the body of a transaction with one field replaced; "" leaves the
// field out.
func transfer(field, value string) string {
	fields := map[string]string{"sender": `"a"`, "amount": `1`, "recipient": `"b"`}
	fields[field] = value
	var parts []string
	for name, text := range fields {
		if text != "" {
			parts = append(parts, `"`+name+`":`+text)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// badTransactions are refused on either path and in a batch.
var badTransactions = []struct {
	name, body string
	status     int
	code       string
}{
	{"no sender", transfer("sender", ""), 400, "missing_values"},
	{"no amount", transfer("amount", ""), 400, "missing_values"},
	{"no recipient", transfer("recipient", ""), 400, "missing_values"},
	{"nothing", `{}`, 400, "missing_values"},
	{"sender is a number", transfer("sender", "5"), 400, "invalid_field"},
	{"sender is null", transfer("sender", "null"), 400, "invalid_field"},
	{"recipient is a list", transfer("recipient", `["b"]`), 400, "invalid_field"},
	{"amount is true", transfer("amount", "true"), 400, "invalid_field"},
	{"amount is an object", transfer("amount", `{"units":1}`), 400, "invalid_field"},
	{"memo is a number", transfer("memo", "1"), 400, "invalid_field"},
	{"sender is empty", transfer("sender", `""`), 400, "name_empty"},
	{"sender has 129 bytes", transfer("sender", `"`+strings.Repeat("a", 129)+`"`), 400, "name_too_long"},
	{"recipient has 129 bytes in 65 characters", transfer("recipient", `"`+strings.Repeat("é", 64)+`x"`), 400, "name_too_long"},
	{"memo has 257 bytes", transfer("memo", `"`+strings.Repeat("m", 257)+`"`), 400, "memo_too_long"},
	{"amount is zero", transfer("amount", "0"), 400, "amount_not_positive"},
	{"amount is negative", transfer("amount", "-1"), 400, "amount_not_positive"},
	{"amount is text", transfer("amount", `"ten"`), 400, "amount_invalid"},
	{"amount is empty", transfer("amount", `""`), 400, "amount_invalid"},
	{"amount is a negative text", transfer("amount", `"-1"`), 400, "amount_not_positive"},
	{"amount has seven places", transfer("amount", "1.0000001"), 400, "amount_too_precise"},
	{"amount hides places behind an exponent", transfer("amount", "1e-7"), 400, "amount_too_precise"},
	{"amount has 16 digits", transfer("amount", "1000000000"), 400, "amount_too_large"},
	{"amount has a thousand digits", transfer("amount", "1"+strings.Repeat("0", 1000)), 400, "amount_too_large"},
	{"amount is large behind an exponent", transfer("amount", "1e300"), 400, "amount_too_large"},
	{"amount leaves nothing after the fee", transfer("amount", "0.000001"), 400, "amount_too_small"},
}

// badBodies are no JSON in the sense of the ledger.
var badBodies = []struct {
	name, body string
	status     int
	code       string
}{
	{"empty", ``, 400, "invalid_json"},
	{"not JSON", `sender=a&amount=1`, 400, "invalid_json"},
	{"cut off", `{"sender":"a",`, 400, "invalid_json"},
	{"more behind it", `{"sender":"a","amount":1,"recipient":"b"}{}`, 400, "invalid_json"},
	{"a key twice", `{"sender":"a","sender":"b","amount":1,"recipient":"c"}`, 400, "invalid_json"},
	{"not a number", `{"sender":"a","amount":NaN,"recipient":"b"}`, 400, "invalid_json"},
	{"infinite", `{"sender":"a","amount":Infinity,"recipient":"b"}`, 400, "invalid_json"},
	{"nested too deep", `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, 400, "invalid_json"},
	{"invalid UTF-8", "{\"sender\":\"a\xff\",\"amount\":1,\"recipient\":\"b\"}", 400, "invalid_utf8"},
	{"lone surrogate", `{"sender":"a\ud800","amount":1,"recipient":"b"}`, 400, "invalid_utf8"},
	{"lone surrogate in a field nobody reads", `{"x":"\udc00","sender":"a","amount":1,"recipient":"b"}`, 400, "invalid_utf8"},
	{"a list", `[]`, 400, "invalid_field"},
	{"a text", `"transfer"`, 400, "invalid_field"},
	{"null", `null`, 400, "invalid_field"},
	{"contract is a number", `{"contract":1,"sender":"a","amount":1,"recipient":"b"}`, 400, "invalid_field"},
	{"unknown contract", `{"contract":"nix","sender":"a","amount":1,"recipient":"b"}`, 404, "contract_unknown"},
	{"overflowing amount", `{"sender":"a","amount":1e999,"recipient":"b"}`, 400, "amount_too_large"},
	{"too large", `{"sender":"` + strings.Repeat("a", maxBody) + `"}`, 413, "body_too_large"},
}

func TestBadTransactionsAreRefusedBeforeTheLog(t *testing.T) {
	for _, path := range []string{"/transactions/new", "/v1/transactions"} {
		for _, tc := range append(badTransactions, badBodies...) {
			t.Run(path+"/"+tc.name, func(t *testing.T) {
				f := newFake()
				rec := call(newHandler(t, f), "POST", path, tc.body)
				p := requireProblem(t, rec, tc.status, tc.code, "")
				require.Equal(t, path, p.Instance)
				require.False(t, p.Retryable)
				require.Zero(t, f.writes, "an entry of the log was written")
			})
		}
	}
}

func TestWrongKindNamesTheField(t *testing.T) {
	h := newHandler(t, newFake())
	rec := call(h, "POST", "/transactions/new", transfer("recipient", "[]"))
	requireProblem(t, rec, 400, "invalid_field", "recipient must be a string")
	rec = call(h, "POST", "/v1/transactions", transfer("color", `"red"`))
	requireProblem(t, rec, 400, "invalid_field", `unknown field "color"`)
}

func TestV1SaysWhatIsMissing(t *testing.T) {
	rec := call(newHandler(t, newFake()), "POST", "/v1/transactions", `{"amount":1}`)
	requireProblem(t, rec, 400, "missing_values", "Missing values: sender, recipient")
}

func TestBadItemsAreRefusedAndTheOthersGoThrough(t *testing.T) {
	for _, tc := range badTransactions {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake()
			body := `{"transactions":[` + transferAB + `,` + tc.body + `,` + transferAB + `]}`
			results := batch(t, newHandler(t, f), body, 3)
			require.Equal(t, "final", results[0].Status)
			require.Equal(t, "refused", results[1].Status)
			require.Equal(t, tc.code, results[1].Code)
			require.NotEmpty(t, results[1].Detail)
			require.Equal(t, "final", results[2].Status)
			require.Len(t, f.chains[0].pending, 2)
		})
	}
}

func TestBadIdempotencyKeysAreRefused(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	rec := call(h, "POST", "/v1/transactions", transferAB, "Idempotency-Key", strings.Repeat("k", 257))
	requireProblem(t, rec, 400, "idempotency_key_too_long", "")
	rec = call(h, "POST", "/v1/transactions", transferAB, "Idempotency-Key", "")
	requireProblem(t, rec, 400, "invalid_field", "the idempotency key is empty")
	r := httptest.NewRequest("POST", "/v1/transactions", strings.NewReader(transferAB))
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	double := httptest.NewRecorder()
	h.ServeHTTP(double, r)
	requireProblem(t, double, 400, "invalid_field", "")
	rec = call(h, "POST", "/v1/transactions:batch", `{"transactions":[]}`, "Idempotency-Key", "k")
	requireProblem(t, rec, 400, "invalid_field", "")
	require.Zero(t, f.writes)
}

func TestContractInBodyAndAddressMustAgree(t *testing.T) {
	f := newFake(openContract("aka"), openContract("usd"))
	h := newHandler(t, f)
	body := `{"sender":"a","amount":1,"recipient":"b","contract":"usd"}`
	requireProblem(t, call(h, "POST", "/v1/transactions?contract=aka", body), 400, "invalid_field", "")
	require.Equal(t, 201, call(h, "POST", "/v1/transactions?contract=usd", body).Code)
	require.Equal(t, 201, call(h, "POST", "/v1/transactions", body).Code)
	require.Len(t, f.chains[1].pending, 2)
}

func TestChunkedBodyOverTheLimitIsRefused(t *testing.T) {
	f := newFake()
	r := httptest.NewRequest("POST", "/v1/transactions", strings.NewReader(`{"sender":"`+strings.Repeat("a", maxBody)))
	r.ContentLength = -1
	rec := httptest.NewRecorder()
	newHandler(t, f).ServeHTTP(rec, r)
	requireProblem(t, rec, 413, "body_too_large", "")
}

func TestChunkedBodyIsRead(t *testing.T) {
	r := httptest.NewRequest("POST", "/v1/transactions", strings.NewReader(transferAB))
	r.ContentLength = -1
	rec := httptest.NewRecorder()
	newHandler(t, newFake()).ServeHTTP(rec, r)
	require.Equal(t, 201, rec.Code)
}

func TestBodyThatEndsTooEarlyIsRefused(t *testing.T) {
	r := httptest.NewRequest("POST", "/v1/transactions", strings.NewReader(transferAB))
	r.Body = http.MaxBytesReader(nil, failingBody{}, 100)
	rec := httptest.NewRecorder()
	newHandler(t, newFake()).ServeHTTP(rec, r)
	requireProblem(t, rec, 400, "body_incomplete", "")
}

type failingBody struct{}

func (failingBody) Read([]byte) (int, error) { return 0, http.ErrBodyReadAfterClose }
func (failingBody) Close() error             { return nil }

func TestBadNodesAreRefused(t *testing.T) {
	const sentence = "Error: Please supply a valid list of nodes"
	many := `{"nodes":["a:1"` + strings.Repeat(`,"a:1"`, 32) + `]}`
	for _, tc := range []struct{ name, body, code, detail string }{
		{"missing", `{}`, "node_invalid", sentence},
		{"null", `{"nodes":null}`, "node_invalid", sentence},
		{"empty", `{"nodes":[]}`, "node_invalid", sentence},
		{"a text", `{"nodes":"127.0.0.1:5001"}`, "node_invalid", sentence},
		{"not texts", `{"nodes":[1]}`, "node_invalid", sentence + ": nodes[0]: it is not a text"},
		{"no port", `{"nodes":["a:1","a"]}`, "node_invalid", sentence + `: nodes[1]: "a" is not host:port`},
		{"too many", many, "node_invalid", "at most 32 in one request"},
		{"not JSON", `nodes`, "invalid_json", ""},
		{"invalid UTF-8", "{\"nodes\":[\"\xff:1\"]}", "invalid_utf8", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake()
			rec := call(newHandler(t, f), "POST", "/nodes/register", tc.body)
			requireProblem(t, rec, 400, tc.code, tc.detail)
			require.Zero(t, f.writes)
		})
	}
}

func TestBadContractsAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"not JSON", `token`, 400, "invalid_json"},
		{"lone surrogate", `{"token":"\ud800"}`, 400, "invalid_utf8"},
		{"a list", `[]`, 400, "invalid_field"},
		{"issuer without an address", `{"token":"usd","issuer":"me"}`, 400, "contract_invalid"},
		{"unknown rule", `{"token":"usd","wallets":"open","fee":1}`, 400, "contract_invalid"},
		{"wrong kind", `{"token":1,"wallets":"open"}`, 400, "contract_invalid"},
		{"fee over everything", `{"token":"usd","wallets":"open","fee_ppm":1000001}`, 400, "contract_invalid"},
		{"unreadable duration", `{"token":"usd","wallets":"open","schedule":{"every":"soon"}}`, 400, "contract_invalid"},
		{"nobody can ever hold it", `{"token":"gold"}`, 400, "contract_invalid"},
		{"exists", `{"token":"aka","wallets":"open"}`, 409, "contract_exists"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake()
			rec := call(newHandler(t, f), "POST", "/v1/contracts", tc.body)
			requireProblem(t, rec, tc.status, tc.code, "")
			require.Zero(t, f.writes)
		})
	}
}

func TestQueryThatCannotBeReadDoesNotMeanTheDefaultContract(t *testing.T) {
	f := newFake(openContract("aka"), openContract("usd"))
	h := newHandler(t, f)
	for _, query := range []string{"contract=%zz", "contract=usd;x=1", "contract=usd&contract=aka", "%zz=1"} {
		requireProblem(t, call(h, "POST", "/transactions/new?"+query, transferAB), 400, "invalid_field", "")
	}
	require.Zero(t, f.writes)
}

func TestBadQueriesAreRefused(t *testing.T) {
	h := newHandler(t, newFake())
	for target, status := range map[string]int{
		"/chain?from=0":                            400,
		"/chain?from=-1":                           400,
		"/chain?limit=x":                           400,
		"/chain?contract=nix":                      404,
		"/smart/chain?wait=31s":                    400,
		"/smart/chain?wait=5":                      400,
		"/v1/blocks?limit=1001":                    400,
		"/v1/blocks/x":                             400,
		"/v1/blocks/0":                             404,
		"/v1/blocks/99":                            404,
		"/v1/blocks/99999999999999999999":          400,
		"/v1/transactions/abc":                     400,
		"/v1/accounts/%ff":                         400,
		"/v1/contracts/nix":                        404,
		"/v1/nodes?consistency=eventual":           400,
		"/v1/nodes?min_index=soon":                 400,
		"/v1/accounts/a?contract=nix":              404,
		"/mine?contract=nix":                       404,
		"/v1/accounts/" + strings.Repeat("a", 129): 400,
	} {
		t.Run(target, func(t *testing.T) {
			rec := call(h, "GET", target, "")
			require.Equal(t, status, rec.Code, rec.Body.String())
			require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
		})
	}
}
