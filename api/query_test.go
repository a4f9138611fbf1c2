package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/protocol"
)

// A name that means something in this API is honoured or refused on every route,
// and under /v1 so is every other.
func TestQueryNamesAreHonouredOrRefused(t *testing.T) {
	f := newFake()
	m, err := newMember(DefaultConfig(), f, f, f, f)
	require.NoError(t, err)
	m.routes()
	n := newFakeNode()
	for node, h := range map[string]http.Handler{"member": newHandler(t, f), "follower": newFollower(t, f, n)} {
		for route, takes := range m.queryNames.Routes() {
			method, path, _ := strings.Cut(route, " ")
			target := strings.NewReplacer(":index", "1", ":address", "a", ":token", "aka", "*tile", "0/000", ":id", strings.Repeat("0", 64)).Replace(path)
			for name := range m.queryNames.Known() {
				allowed := false
				for _, taken := range takes {
					allowed = allowed || taken == name
				}
				if allowed {
					continue
				}
				before := f.writes
				rec := call(h, method, target+"?"+url.Values{name: {"x"}}.Encode(), transferAB)
				require.Equal(t, 400, rec.Code, "%s: %s %s?%s: %s", node, method, target, name, rec.Body)
				require.Equal(t, before, f.writes, "%s %s?%s", method, target, name)
			}
			if strings.HasPrefix(path, "/v1/") {
				require.Equal(t, 400, call(h, method, target+"?foreign=1", "").Code, route)
			}
		}
		require.Equal(t, 200, call(h, "GET", "/chain?foreign=1", "").Code, "the tutorial's paths took anything")
		requireProblem(t, call(h, "GET", "/v1/blocks/1?token=aka", ""), 400, "invalid_field",
			`this path takes no "token" in the query; the contract is named with ?contract=`)
	}
}

func TestNamesThatMeanSomethingElsewhereAreNoFieldsOfATransaction(t *testing.T) {
	f := newFake(openContract("aka"), openContract("gold"))
	n := newFakeNode()
	n.upstream = newHandler(t, f)
	for node, h := range map[string]http.Handler{"member": newHandler(t, f), "follower": newFollower(t, f, n)} {
		misspelt := []string{"CONTRACT", "Token", "Idempotency-Key", "idempotencyKey", "chainId", "holdUntil", "hold-until"}
		elsewhere := []string{"token", "chain", "chain_id", "key", "idempotency_key", "id", "transactions", "consistency", "min_block", "min_index"}
		for _, name := range slices.Concat([]string{"hold_until", "expires", "nonce", "signature", "public_key", "hold", "receive"}, elsewhere, misspelt) {
			for _, path := range []string{"/transactions/new", "/v1/transactions"} {
				requireProblem(t, call(h, "POST", path, transfer(name, `"gold"`)), 400, "invalid_field", "")
				require.Zero(t, f.writes, "%s: %s %s", node, path, name)
			}
		}
		for _, query := range []string{"memo=x", "amount=5", "sender=z", "Token=gold", "Idempotency-Key=1"} {
			for _, path := range []string{"/transactions/new", "/v1/transactions"} {
				requireProblem(t, call(h, "POST", path+"?"+query, transferAB), 400, "invalid_field", "")
				require.Zero(t, f.writes, "%s: %s?%s", node, path, query)
			}
		}
		require.Equal(t, 201, call(h, "POST", "/transactions/new", transfer("color", `"gold"`)).Code, "what means nothing here is the client's")
		require.Equal(t, 201, call(h, "POST", "/transactions/new", transfer("token", `null`)).Code)
		f.writes = 0
	}
}

func TestAKeyThatIsNotObeyedIsRefused(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	for _, tc := range []struct{ method, path, body string }{
		{"POST", "/v1/transactions:batch", `{"transactions":[` + transferAB + `]}`},
		{"POST", "/mine", ""},
		{"GET", "/mine", ""},
		{"POST", "/nodes/register", `{"nodes":["a:1"]}`},
	} {
		requireProblem(t, call(h, tc.method, tc.path, tc.body, protocol.IdempotencyKey, "k1"), 400, "invalid_field", "")
	}
	require.Zero(t, f.writes)
}

func TestHeadWhereGetIs(t *testing.T) {
	f := newFake()
	grow(f, 3)
	for _, h := range nodes(t, f) {
		for _, target := range []string{"/chain", "/smart/chain", "/v1/blocks", "/v1/blocks/1", "/v1/contracts", "/v1/accounts/a", "/livez", "/readyz", "/v1/events"} {
			rec := call(h, "HEAD", target, "")
			require.Equal(t, 200, rec.Code, target)
			if target == "/chain" || target == "/v1/events" {
				require.Empty(t, rec.Body.String(), "what would be streamed is not made")
			}
			require.NotEmpty(t, rec.Header().Get("Content-Type"), target)
		}
		before := len(f.chains[0].blocks)
		requireProblem(t, call(h, "HEAD", "/mine", ""), 405, "method_not_allowed", "")
		require.Len(t, f.chains[0].blocks, before)
	}
}

func TestAColonMayBeEscaped(t *testing.T) {
	f := newFake()
	for _, h := range nodes(t, f) {
		for _, colon := range []string{":", "%3A", "%3a"} {
			require.Equal(t, 200, call(h, "POST", "/v1/transactions"+colon+"batch", `{"transactions":[`+transferAB+`]}`).Code, colon)
		}
	}
	require.Equal(t, 200, call(newHandler(t, f), "GET", "/v1/accounts/a%3Ab%2Fc", "").Code)
}
