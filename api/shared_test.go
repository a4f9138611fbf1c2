package api

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofMembers is a fake whose members go by these addresses.
type ofMembers struct {
	*fake
	addresses []string
	asked     *atomic.Int32 // how often for the whole status of the cluster
}

func (f ofMembers) Addresses() []string { return f.addresses }

// Cluster is never asked for: it is made for each who asks, and says more than addresses.
func (f ofMembers) Cluster() ClusterStatus {
	if f.asked != nil {
		f.asked.Add(1)
	}
	return f.fake.Cluster()
}

func newShared(t *testing.T, cfg Config, addresses ...string) http.Handler {
	f := newFake()
	cfg.Hosts = append(cfg.Hosts, "example.com")
	h, err := New(cfg, f, f, ofMembers{f, addresses, nil}, f)
	require.NoError(t, err)
	return h
}

const other = "http://127.0.0.1:5010"

func TestPagesOfMembersReadHere(t *testing.T) {
	h := newShared(t, DefaultConfig(), "http://127.0.0.1:5000", other, "https://Ledger.example:443/")
	for _, origin := range []string{other, "http://localhost:5010", "https://ledger.example"} {
		for _, path := range []string{"/v1/contracts", "/v1/cluster", "/v1/blocks/1", "/chain"} {
			rec := call(h, "GET", path, "", "Origin", origin)
			require.Equal(t, http.StatusOK, rec.Code, path)
			require.Equal(t, []string{origin}, rec.Header().Values("Access-Control-Allow-Origin"), path)
			require.Empty(t, rec.Header().Get("Access-Control-Allow-Credentials"))
			require.Contains(t, rec.Header().Values("Vary"), "Origin")
		}
		rec := call(h, "OPTIONS", "/v1/contracts", "", "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
		require.Equal(t, http.StatusNoContent, rec.Code)
		require.Equal(t, origin, rec.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, "Authorization", rec.Header().Get("Access-Control-Allow-Headers"))
		require.NotContains(t, rec.Header().Get("Access-Control-Allow-Methods"), "POST")
	}
	refused := call(h, "GET", "/v1/blocks/77", "", "Origin", other)
	require.Equal(t, http.StatusNotFound, refused.Code)
	require.Equal(t, other, refused.Header().Get("Access-Control-Allow-Origin"), "a page is to know why")
}

func TestPagesOfStrangersDoNot(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Origins = []string{"https://shop.example"} // which may write
	h := newShared(t, cfg, "http://127.0.0.1:5000", other)
	for _, origin := range []string{"http://evil.example", "null", "http://127.0.0.1:5011", "https://127.0.0.1:5010", "http://localhost:5010.evil.example",
		"http://evil.example/" + other, other + "/", "HTTP://127.0.0.1:5010", "https://shop.example", ""} {
		rec := call(h, "GET", "/v1/contracts", "", "Origin", origin)
		require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), origin)
		rec = call(h, "OPTIONS", "/v1/contracts", "", "Origin", origin, "Access-Control-Request-Method", "GET")
		require.Equal(t, http.StatusMethodNotAllowed, rec.Code, origin)
		require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), origin)
	}
}

// A page of another member reads, and that is all: no writes, no reads of the operator's,
// which need no token on the node's own machine.
func TestPagesOfMembersDoNothingElse(t *testing.T) {
	f := newFake()
	h := newShared(t, DefaultConfig(), "http://127.0.0.1:5000", other)
	for _, path := range []string{"/transactions/new", "/v1/transactions", "/mine", "/nodes/register", "/v1/contracts", "/v1/cluster:transfer-leader"} {
		rec := call(h, "POST", path, transferAB, "Origin", other)
		require.Equal(t, http.StatusForbidden, rec.Code, path)
		require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), path)
		rec = call(h, "OPTIONS", path, "", "Origin", other, "Access-Control-Request-Method", "POST")
		require.Equal(t, http.StatusMethodNotAllowed, rec.Code, path)
	}
	require.Zero(t, f.writes)
	requireProblem(t, call(h, "GET", "/mine", "", "Origin", other), http.StatusForbidden, "origin_foreign", "")
	for _, path := range []string{"/v1/tokens", "/v1/audit", "/v1/diagnostics", "/v1/backup", "/metrics"} {
		require.Empty(t, call(h, "GET", path, "", "Origin", other).Header().Values("Access-Control-Allow-Origin"), path)
	}
}

// Before anybody knows whose a request is, nothing is made for it that costs something.
func TestPeersCostNoStatusOfTheCluster(t *testing.T) {
	f := newFake()
	asked := new(atomic.Int32)
	cfg := DefaultConfig()
	cfg.Hosts = append(cfg.Hosts, "example.com")
	h, err := New(cfg, f, f, ofMembers{f, []string{other}, asked}, f)
	require.NoError(t, err)
	call(h, "GET", "/v1/contracts", "", "Origin", other)
	call(h, "OPTIONS", "/v1/contracts", "", "Origin", other, "Access-Control-Request-Method", "GET")
	call(h, "GET", "/", "", "Accept", forBrowsers)
	require.Zero(t, asked.Load())
	call(h, "GET", "/v1/cluster", "")
	require.EqualValues(t, 1, asked.Load())
}

// What one page may have and another may not is kept for neither in place of the other.
func TestSharedReadsVaryByOriginAlways(t *testing.T) {
	h := newShared(t, DefaultConfig(), "http://127.0.0.1:5000", other)
	for _, path := range []string{"/v1/contracts", "/v1/blocks/1", "/v1/blocks/77", "/chain", "/smart/chain", "/v1/cluster"} {
		for _, origin := range []string{"", "http://evil.example", other} {
			header := []string{"Origin", origin}
			if origin == "" {
				header = nil
			}
			require.Contains(t, call(h, "GET", path, "", header...).Header().Values("Vary"), "Origin", path+" "+origin)
		}
	}
}

// A browser asks before it sends a token, and only for what may be read with one.
func TestBrowsersAreAnsweredForSharedReadsAlone(t *testing.T) {
	h := newShared(t, DefaultConfig(), "http://127.0.0.1:5000", other)
	ask := func(path, method string) int {
		return call(h, "OPTIONS", path, "", "Origin", other, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization").Code
	}
	for _, path := range []string{"/v1/contracts", "/v1/contracts/aka", "/v1/contracts/aka/tile/0/001", "/v1/accounts/a%2Fb/transactions", "/v1/transactions/x/receipt", "/v1/cluster", "/v1/cluster/events", "/smart/chain", "/v1/events?from=1"} {
		require.Equal(t, http.StatusNoContent, ask(path, "GET"), path)
		require.Equal(t, http.StatusNoContent, ask(path, "HEAD"), path)
	}
	for _, path := range []string{"/v1/audit", "/v1/tokens", "/v1/backup", "/v1/diagnostics", "/mine", "/v1/transactions", "/v1/cluster:activate", "/", "/docs", "/metrics", "/livez"} {
		code := ask(path, "GET")
		require.True(t, code == http.StatusMethodNotAllowed || code == http.StatusNotFound, "%s: %d", path, code)
	}
}

func TestOriginsOfAddresses(t *testing.T) {
	for address, want := range map[string][2]string{
		"http://127.0.0.1:5000":        {"http://127.0.0.1:5000", "http://localhost:5000"},
		"https://n1.example:443/":      {"https://n1.example", ""},
		"http://N1.Example:80":         {"http://n1.example", ""},
		"https://[2001:db8::1]:5000":   {"https://[2001:db8::1]:5000", ""},
		"":                             {},
		"ftp://n1.example":             {},
		"n1.example:5000":              {},
		"http://a b":                   {},
		"http://a;script-src *":        {},
		"http://a,b":                   {},
		"http://*:5000":                {},
		"http://n1.example'none':5000": {},
	} {
		origin, local := originsOf(address)
		require.Equal(t, want, [2]string{origin, local}, address)
	}
}
