package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// badRequest is a request that has to be refused, and how.
type badRequest struct {
	name         string
	method, path string // POST /v1/transactions when empty
	body         string
	headers      []string
	status       int
	code         string
	detail       string // part of it
}

// with is a transfer in which one field has another value, given as JSON.
func with(field, value string) string {
	fields := map[string]string{"sender": `"a"`, "recipient": `"b"`, "amount": `1`}
	fields[field] = value
	var b strings.Builder
	for _, name := range []string{"sender", "recipient", "amount", "memo", "contract", "surplus"} {
		if v, ok := fields[name]; ok {
			fmt.Fprintf(&b, `,"%s":%s`, name, v)
		}
	}
	return "{" + b.String()[1:] + "}"
}

var long = `"` + strings.Repeat("x", 129) + `"`

const tutorial = "/transactions/new"

var badRequests = []badRequest{
	{name: "a field is missing", path: tutorial, body: `{"sender":"a","amount":12.5}`, status: 400, code: "missing_values", detail: "Missing values"},
	{name: "every field is missing", path: tutorial, body: `{}`, status: 400, code: "missing_values", detail: "Missing values"},
	{name: "a field is missing under v1", body: `{"sender":"a","amount":12.5}`, status: 400, code: "missing_values"},
	{name: "no body", body: ``, status: 400, code: "invalid_json"},
	{name: "not JSON", body: `sender=a&recipient=b&amount=1`, status: 400, code: "invalid_json"},
	{name: "not JSON on the tutorial's path", path: tutorial, body: `{"sender":`, status: 400, code: "invalid_json"},
	{name: "two values", body: with("sender", `"a"`) + `{}`, status: 400, code: "invalid_json"},
	{name: "a key twice", body: `{"sender":"a","sender":"c","recipient":"b","amount":1}`, status: 400, code: "invalid_json"},
	{name: "an array", body: `[]`, status: 400, code: "invalid_field"},
	{name: "the sender is a number", body: with("sender", `5`), status: 400, code: "invalid_field", detail: "sender"},
	{name: "the recipient is an object", body: with("recipient", `{}`), status: 400, code: "invalid_field", detail: "recipient"},
	{name: "the memo is a list", body: with("memo", `[1]`), status: 400, code: "invalid_field", detail: "memo"},
	{name: "an unknown field", body: with("surplus", `1`), status: 400, code: "invalid_field", detail: "surplus"},

	{name: "negative", body: with("amount", `-1`), status: 400, code: "amount_not_positive"},
	{name: "negative on the tutorial's path", path: tutorial, body: with("amount", `-1`), status: 400, code: "amount_not_positive"},
	{name: "zero", body: with("amount", `0`), status: 400, code: "amount_not_positive"},
	{name: "zero in another spelling", body: with("amount", `"0.000"`), status: 400, code: "amount_not_positive"},
	{name: "too precise", body: with("amount", `1.0000001`), status: 400, code: "amount_too_precise"},
	{name: "too precise by exponent", body: with("amount", `1e-7`), status: 400, code: "amount_too_precise"},
	{name: "too large", body: with("amount", `1000000000`), status: 400, code: "amount_too_large"},
	{name: "far too large", body: with("amount", `1e400`), status: 400, code: "amount_too_large"},
	{name: "nothing left after the fee", body: with("amount", `0.000001`), status: 400, code: "amount_too_small"},
	{name: "NaN", body: with("amount", `NaN`), status: 400, code: "invalid_json"},
	{name: "NaN in a string", body: with("amount", `"NaN"`), status: 400, code: "amount_invalid"},
	{name: "infinity in a string", body: with("amount", `"Infinity"`), status: 400, code: "amount_invalid"},
	{name: "words for an amount", body: with("amount", `"ten"`), status: 400, code: "amount_invalid"},
	{name: "hexadecimal", body: with("amount", `"0x10"`), status: 400, code: "amount_invalid"},
	{name: "spaces", body: with("amount", `" 1"`), status: 400, code: "amount_invalid"},
	{name: "an empty amount", body: with("amount", `""`), status: 400, code: "amount_invalid"},
	{name: "a plus sign", body: with("amount", `"+1"`), status: 400, code: "amount_invalid"},
	{name: "true", body: with("amount", `true`), status: 400, code: "invalid_field"},
	{name: "null", body: with("amount", `null`), status: 400},

	{name: "an empty name", body: with("sender", `""`), status: 400, code: "name_empty"},
	{name: "a sender over 128 bytes", body: with("sender", long), status: 400, code: "name_too_long"},
	{name: "a recipient over 128 bytes", path: tutorial, body: with("recipient", long), status: 400, code: "name_too_long"},
	{name: "a memo over 256 bytes", body: with("memo", `"`+strings.Repeat("é", 129)+`"`), status: 400, code: "memo_too_long"},
	{name: "a key over 256 bytes", body: with("sender", `"a"`), headers: []string{"Idempotency-Key: " + strings.Repeat("k", 257)}, status: 400, code: "idempotency_key_too_long"},
	{name: "invalid UTF-8", body: with("sender", "\"\xff\xfe\""), status: 400, code: "invalid_utf8"},
	{name: "a lone surrogate", body: with("sender", `"\ud800"`), status: 400, code: "invalid_utf8"},
	{name: "surrogates in the wrong order", body: with("memo", `"\udc00\ud800"`), status: 400, code: "invalid_utf8"},
	{name: "a lone surrogate on the tutorial's path", path: tutorial, body: with("recipient", `"\ud800"`), status: 400, code: "invalid_utf8"},

	{name: "a body over 1 MiB", body: with("memo", `"`+strings.Repeat("x", 1<<20)+`"`), status: 413, code: "body_too_large"},
	{name: "a body over 1 MiB on the tutorial's path", path: tutorial, body: strings.Repeat(" ", 1<<20+1), status: 413, code: "body_too_large"},
	{name: "a wrong method", method: http.MethodGet, path: tutorial, status: 405, code: "method_not_allowed"},
	{name: "a wrong method under v1", method: http.MethodDelete, path: "/v1/transactions", status: 405, code: "method_not_allowed"},
	{name: "an unknown path", path: "/v1/wishes", status: 404, code: "path_unknown"},
	{name: "no nodes", path: "/nodes/register", body: `{}`, status: 400, detail: "Error: Please supply a valid list of nodes"},
	{name: "nodes that are none", path: "/nodes/register", body: `{"nodes":["not a node"]}`, status: 400, detail: "Error: Please supply a valid list of nodes"},
	{name: "a token that nobody can ever hold", path: "/v1/contracts", body: `{"token":"gold"}`, status: 400, code: "contract_invalid"},
	{name: "a contract that is none", path: "/v1/contracts", body: `{"token":"UPPER","wallets":"open"}`, status: 400, code: "contract_invalid"},
	{name: "a misspelt rule of a contract", path: "/v1/contracts", body: `{"token":"t","wallets":"open","fee":1}`, status: 400, code: "contract_invalid"},
	{name: "a signed contract with a wallet of its own", path: "/v1/contracts", body: `{"token":"t","wallets":"signed","bpsc":"mine"}`, status: 400, code: "contract_invalid"},
	{name: "a signed contract whose issuer has a name", path: "/v1/contracts", body: `{"token":"t","wallets":"signed","issuer":"me"}`, status: 400, code: "contract_invalid"},
}

// unknownContracts are told from those that are not here yet by a look at what
// is committed, as reads are: an entry of the log for all who look at a time.
var unknownContracts = []badRequest{
	{name: "an unknown contract", body: with("contract", `"nope"`), status: 404, code: "contract_unknown"},
	{name: "an unknown contract on the tutorial's path", path: tutorial + "?contract=nope", body: with("sender", `"a"`), status: 404, code: "contract_unknown"},
	{name: "a block of an unknown contract", path: "/mine?contract=nope", status: 404, code: "contract_unknown"},
}

// Whatever is wrong with a request, it is told what, in the same form; and what
// can be refused without the ledger never reaches the log.
func TestBadInput(t *testing.T) {
	c := startCluster(t, harness.Options{})
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(t, http.StatusCreated, http.MethodPost, leader.URL+"/v1/transactions", transfer)
	awaitWords(t, c, leader) // they are entries of the log too
	before := logPosition(t, c, leader)
	for i, bad := range badRequests {
		t.Run(bad.name, func(t *testing.T) {
			refuse(t, c.Members[i%3], bad)
		})
	}
	if after := logPosition(t, c, leader); after != before {
		t.Errorf("the leader's log went from %+v to %+v", before, after)
	}
	for i, bad := range unknownContracts {
		t.Run(bad.name, func(t *testing.T) {
			refuse(t, c.Members[i%3], bad)
		})
	}
	if l := verifyCluster(t, c, ""); len(l.Records) != 1 {
		t.Errorf("%d records in the chain, one was accepted", len(l.Records))
	}
}

// A key belongs to what it came with first. That only the ledger knows, so it
// may go through the log, but it must not move anything.
func TestKeyWithOtherContent(t *testing.T) {
	c := startCluster(t, harness.Options{})
	const key = "Idempotency-Key: once"
	first := must(t, http.StatusCreated, http.MethodPost, c.Members[0].URL+"/v1/transactions", transfer, key)
	for i, m := range c.Members {
		refuse(t, m, badRequest{body: with("amount", "6"), headers: []string{key}, status: 409, code: "id_reused"})
		again := must(t, http.StatusOK, http.MethodPost, c.Members[i].URL+"/v1/transactions", transfer, key)
		if again.header.Get("Idempotent-Replay") != "true" || first.header.Get("Idempotent-Replay") != "" {
			t.Errorf("the replay by %s does not say so, or the first answer does", m.ID)
		}
	}
	if l := verifyCluster(t, c, ""); len(l.Records) != 1 || l.Balances["b"] != 4_999_750 {
		t.Errorf("%d records, balances %v", len(l.Records), l.Balances)
	}
}

// refuse sends what has to be refused and checks the answer's form.
func refuse(t *testing.T, m *harness.Member, bad badRequest) {
	t.Helper()
	if bad.method == "" {
		bad.method = http.MethodPost
	}
	if bad.path == "" {
		bad.path = "/v1/transactions"
	}
	a := call(t, bad.method, m.URL+bad.path, bad.body, bad.headers...)
	var p harness.Problem
	a.json(t, &p)
	if a.status != bad.status || p.Status != bad.status {
		t.Errorf("status %d: %s, want %d", a.status, a, bad.status)
	}
	if p.Code == "" || bad.code != "" && p.Code != bad.code {
		t.Errorf("code %q: %s, want %q", p.Code, a, bad.code)
	}
	if !strings.Contains(p.Detail, bad.detail) || p.Title == "" || p.Type == "" || p.RequestID == "" || p.Retryable {
		t.Errorf("incomplete: %s", a)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %s", got)
	}
	if bad.status == http.StatusMethodNotAllowed && !strings.Contains(a.header.Get("Allow"), http.MethodPost) {
		t.Errorf("Allow is %q", a.header.Get("Allow"))
	}
}

// position is where a member's log and state stand.
type position struct{ last, applied uint64 }

// awaitWords waits until every member has signed the chain's newest checkpoint.
func awaitWords(t *testing.T, c *harness.Cluster, m *harness.Member) {
	t.Helper()
	err := harness.Until(t.Context(), 20*time.Second, "all members have signed", func(context.Context) error {
		note := call(t, http.MethodGet, m.URL+"/v1/contracts/aka/checkpoint", "")
		// Members' keys, and not that of the log, under whose name one of them signs too.
		if signed := strings.Count(string(note.body), "— bpsc/n"); signed < len(c.Members) {
			return fmt.Errorf("%d have: %s", signed, note)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func logPosition(t *testing.T, c *harness.Cluster, m *harness.Member) position {
	t.Helper()
	s, err := c.State(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return position{s.Self().Last, s.Self().Applied}
}
