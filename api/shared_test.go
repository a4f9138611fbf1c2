package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofMembers is a fake whose members go by these addresses.
type ofMembers struct {
	*fake
	addresses []string
}

func (f ofMembers) Cluster() ClusterStatus {
	status := f.fake.Cluster()
	status.Members = nil
	for _, address := range f.addresses {
		status.Members = append(status.Members, MemberStatus{API: address})
	}
	return status
}

func newShared(t *testing.T, cfg Config, addresses ...string) http.Handler {
	f := newFake()
	cfg.Hosts = append(cfg.Hosts, "example.com")
	h, err := New(cfg, f, f, ofMembers{f, addresses}, f)
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
