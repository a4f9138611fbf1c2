package api

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const usd = `{"token":"usd","wallets":"open"}`

// from sends a request that comes from an address.
func from(h http.Handler, peer, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	return callAs(h, func(r *http.Request) { r.RemoteAddr = peer }, method, target, body, headers...)
}

func TestContractsAreTheOperators(t *testing.T) {
	for _, tc := range []struct {
		name, peer string
		headers    []string
		taken      bool
	}{
		{"this machine", "127.0.0.1:1", nil, true},
		{"this machine, by six", "[::1]:1", []string{"Host", "[::1]:5000"}, true},
		{"this machine, as a mapped address", "[::ffff:127.0.0.1]:1", []string{"Host", "127.0.0.2"}, true},
		{"another machine", "192.0.2.7:1", nil, false},
		{"another machine that says it is this one", "192.0.2.7:1", []string{"X-Forwarded-For", "127.0.0.1"}, false},
		{"no address", "@", nil, false},
		{"a proxy here", "127.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.7"}, false},
		{"a proxy here that says little", "127.0.0.1:1", []string{"X-Forwarded-Proto", "https"}, false},
		{"a proxy here, by the standard", "127.0.0.1:1", []string{"Forwarded", "for=192.0.2.7"}, false},
		{"a proxy here, by its name", "127.0.0.1:1", []string{"Via", "1.1 proxy"}, false},
		{"a proxy here that keeps the name", "127.0.0.1:1", []string{"Host", "example.com"}, false},
		{"a proxy here that keeps the address", "127.0.0.1:1", []string{"Host", "192.0.2.1:80"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake()
			f.nodes.Add("a:1", "")
			h := newHandler(t, f)
			made := from(h, tc.peer, "POST", "/v1/contracts", usd, tc.headers...)
			removed := from(h, tc.peer, "DELETE", "/v1/nodes/a:1", "", tc.headers...)
			if tc.taken {
				require.Equal(t, 201, made.Code, made.Body)
				require.Equal(t, 204, removed.Code, removed.Body)
				return
			}
			requireProblem(t, made, http.StatusUnauthorized, "token_required", "")
			requireProblem(t, removed, http.StatusUnauthorized, "token_required", "")
			require.Zero(t, f.writes)
		})
	}
	old := callAs(newHandler(t, newFake()), func(r *http.Request) { r.ProtoMinor = 0 }, "POST", "/v1/contracts", usd)
	requireProblem(t, old, http.StatusUnauthorized, "token_required", "")
}

func TestASecretReplacesTheAddress(t *testing.T) {
	const secret = "correct horse battery staple"
	var log bytes.Buffer
	cfg := DefaultConfig()
	cfg.OperatorSecret = secret
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f := newFake()
	h := newHandlerWith(t, cfg, f)
	for _, peer := range []string{"127.0.0.1:1", "192.0.2.7:1"} {
		rec := from(h, peer, "POST", "/v1/contracts", usd)
		requireProblem(t, rec, http.StatusUnauthorized, "token_required", "")
		require.Equal(t, `Bearer realm="bpsc"`, rec.Header().Get("WWW-Authenticate"))
	}
	for _, headers := range [][]string{{"Authorization", "Bearer wrong"}, {"Authorization", secret},
		{"Authorization", "Basic " + secret}, {"Authorization", "Bearer " + secret + "x"}, {"Authorization", "Bearer "}} {
		for _, peer := range []string{"127.0.0.1:1", "192.0.2.7:1"} {
			requireProblem(t, from(h, peer, "POST", "/v1/contracts", usd, headers...), http.StatusUnauthorized, "token_invalid", "")
		}
	}
	require.Zero(t, f.writes)
	require.Equal(t, 201, from(h, "192.0.2.7:1", "POST", "/v1/contracts", usd, "Authorization", "bearer "+secret).Code)
	require.NotContains(t, log.String(), secret)
}

// Until the configured default contract is there nobody makes another one.
func TestNoContractComesBeforeTheDefaultOne(t *testing.T) {
	f := &fake{grown: make(chan struct{})}
	cfg := DefaultConfig()
	cfg.DefaultConfigured = true
	p := requireProblem(t, call(newHandlerWith(t, cfg, f), "POST", "/v1/contracts", usd), 503, "no_contract", "")
	require.True(t, p.Retryable)
	require.Zero(t, f.writes)
	require.Equal(t, 201, call(newHandler(t, f), "POST", "/v1/contracts", usd).Code, "where none is configured the operator makes the first")
	require.Equal(t, 201, call(newHandlerWith(t, cfg, f), "POST", "/v1/contracts", `{"token":"eur","wallets":"open"}`).Code)
}

func TestOneClientDoesNotFillTheDirectory(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	register := func(peer string, names ...string) *httptest.ResponseRecorder {
		return from(h, peer, "POST", "/nodes/register", `{"nodes":["`+strings.Join(names, `","`)+`"]}`)
	}
	require.Equal(t, 201, register("192.0.2.1:1", "early:1").Code)
	long := strings.Repeat("a", 60)
	for i := range 200 {
		var names []string
		for j := range 32 {
			names = append(names, fmt.Sprintf("%s.%s.%s.n%d-%d:1", long, long, long, i, j))
		}
		rec := register(fmt.Sprintf("203.0.113.%d:1", i), names...)
		require.Equal(t, 201, rec.Code)
		require.Less(t, rec.Body.Len(), 64<<10)
	}
	rec := register("127.0.0.1:1", "127.0.0.1:5001")
	require.Equal(t, 201, rec.Code)
	require.Contains(t, rec.Body.String(), `"127.0.0.1:5001"`)
	require.Contains(t, rec.Body.String(), `"count":102`)
	page, _ := f.Nodes("", 1000)
	require.Contains(t, page, "early:1")

	first := call(h, "GET", "/v1/nodes", "").Body.String()
	require.Contains(t, first, `"next":"`)
	require.Equal(t, `{"items":["early:1"]}`+"\n", call(h, "GET", "/v1/nodes?after=e", "").Body.String())
	requireProblem(t, call(h, "GET", "/v1/nodes?limit=101", ""), 400, "invalid_field", "")
}

func TestNodesAreRemovedOneOrAHost(t *testing.T) {
	f, n := newFake(), newFakeNode()
	for _, h := range map[string]http.Handler{"member": newHandler(t, f), "follower": newFollower(t, f, n)} {
		call(h, "POST", "/nodes/register", `{"nodes":["a:1","a:2","b:1","[::1]:7"]}`)
		require.Equal(t, 204, call(h, "DELETE", "/v1/nodes/http:%2F%2FA:1", "").Code)
		require.Equal(t, `{"items":["[::1]:7","a:2","b:1"]}`+"\n", call(h, "GET", "/v1/nodes", "").Body.String())
		require.Equal(t, 204, call(h, "DELETE", "/v1/nodes/a", "").Code)
		require.Equal(t, 204, call(h, "DELETE", "/v1/nodes/[::1]", "").Code)
		require.Equal(t, `{"items":["b:1"]}`+"\n", call(h, "GET", "/v1/nodes", "").Body.String())
		requireProblem(t, call(h, "DELETE", "/v1/nodes/a:1", ""), 404, "not_found", "")
		requireProblem(t, call(h, "DELETE", "/v1/nodes/b:x", ""), 400, "node_invalid", "")
	}
}
