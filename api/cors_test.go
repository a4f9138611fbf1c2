package api

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/token"
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
		require.Equal(t, "GET, HEAD", rec.Header().Get("Access-Control-Allow-Methods"))
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

// writable are the requests with which a member takes from another's page what changes
// something, with the status that answers them.
var writable = []struct {
	path, body string
	status     int
}{
	{"/v1/transactions?contract=aka", transferAB, 201},
	{"/v1/transactions:batch", `{"transactions":[` + transferAB + `]}`, 200},
	{"/v1/transactions%3Abatch", `{"transactions":[` + transferAB + `]}`, 200},
	{"/v1/holds/" + strings.Repeat("0", 64) + ":accept", `{}`, 400}, // of open contracts there are none
	{"/transactions/new", transferAB, 201},
	{"/mine", "", 200},
	{"/nodes/register", `{"nodes":["a:1"]}`, 201},
}

// A page whose member has died goes on with another: it sends there what needs the role
// submit, and has the answer whatever it is.
func TestPagesOfMembersSendHere(t *testing.T) {
	h := newShared(t, DefaultConfig(), "http://127.0.0.1:5000", other, "https://Ledger.example:443/")
	for _, origin := range []string{other, "http://localhost:5010", "https://ledger.example"} {
		for _, w := range writable {
			asked := call(h, "OPTIONS", w.path, "", "Origin", origin, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "authorization,content-type,idempotency-key", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors")
			require.Equal(t, http.StatusNoContent, asked.Code, w.path)
			require.Equal(t, []string{origin}, asked.Header().Values("Access-Control-Allow-Origin"), w.path)
			require.Equal(t, "POST", asked.Header().Get("Access-Control-Allow-Methods"), w.path)
			require.Equal(t, "Authorization, Content-Type, Idempotency-Key", asked.Header().Get("Access-Control-Allow-Headers"), w.path)
			require.Empty(t, asked.Header().Get("Access-Control-Allow-Credentials"))
			require.Contains(t, asked.Header().Values("Vary"), "Origin", w.path)
			for _, site := range []string{"cross-site", "same-site"} {
				rec := call(h, "POST", w.path, w.body, "Origin", origin, "Sec-Fetch-Site", site, "Content-Type", "application/json", "Referer", "http://evil.example/")
				require.Equal(t, w.status, rec.Code, "%s: %s", w.path, rec.Body)
				require.Equal(t, []string{origin}, rec.Header().Values("Access-Control-Allow-Origin"), w.path)
				require.Contains(t, rec.Header().Get("Access-Control-Expose-Headers"), "Retry-After")
				require.Empty(t, rec.Header().Get("Access-Control-Allow-Credentials"))
				require.Contains(t, rec.Header().Values("Vary"), "Origin", w.path)
			}
		}
	}
}

// Whatever refuses it, the page is told why: what is wrong with it, who sends it, how often.
func TestPagesOfMembersAreToldWhyNot(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Anonymous = token.Read
	signedIn := newShared(t, cfg, other)
	open := newShared(t, DefaultConfig(), other)
	for _, tc := range []struct {
		h            http.Handler
		path, body   string
		status       int
		code, header string // one header more, with its value
	}{
		{open, "/v1/transactions", `{`, 400, "invalid_json", ""},
		{open, "/v1/transactions", `{"sender":"a","recipient":"b","amount":-1}`, 400, "amount_not_positive", ""},
		{open, "/v1/transactions?contract=gold", transferAB, 404, "contract_unknown", ""},
		{open, "/v1/transactions?colour=red&contract=a&contract=b", transferAB, 400, "invalid_field", ""},
		{open, "/v1/transactions", transferAB, 403, "host_unknown", "Host: evil.example"},
		{open, "/v1/transactions", transferAB, 401, "token_invalid", "Authorization: Bearer none"},
		{open, "/v1/transactions?token=bpsc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", transferAB, 400, "token_in_url", ""},
		{signedIn, "/v1/transactions", transferAB, 401, "token_required", ""},
		{signedIn, "/mine", "", 401, "token_required", ""},
	} {
		header := []string{"Origin", other}
		if name, value, more := strings.Cut(tc.header, ": "); more {
			header = append(header, name, value)
		}
		rec := call(tc.h, "POST", tc.path, tc.body, header...)
		requireProblem(t, rec, tc.status, tc.code, "")
		require.Equal(t, other, rec.Result().Header.Get("Access-Control-Allow-Origin"), tc.path) // as it was sent
	}
	for {
		if rec := call(open, "POST", "/mine", "", "Origin", other); rec.Code != http.StatusOK {
			requireProblem(t, rec, http.StatusTooManyRequests, "too_many_blocks", "")
			require.Equal(t, other, rec.Header().Get("Access-Control-Allow-Origin"))
			require.Contains(t, rec.Header().Get("Access-Control-Expose-Headers"), "Retry-After")
			return
		}
	}
}

// What looks like another member's page and is none changes nothing, and hears nothing.
func TestPagesOfStrangersSendNothing(t *testing.T) {
	origin := func(values ...string) http.Header { return http.Header{"Origin": values} }
	for name, header := range map[string]http.Header{
		"a stranger":                   origin("http://evil.example"),
		"a file, a sandbox":            origin("null"),
		"another port":                 origin("http://127.0.0.1:5011"),
		"the same over TLS":            origin("https://127.0.0.1:5010"),
		"localhost of six":             origin("http://[::1]:5010"),
		"a name below localhost":       origin("http://n2.localhost:5010"),
		"a name that begins like it":   origin("http://localhost:5010.evil.example"),
		"a user in it":                 origin("http://127.0.0.1:5010@evil.example"),
		"a path":                       origin(other + "/"),
		"written otherwise":            origin("HTTP://127.0.0.1:5010"),
		"the number otherwise":         origin("http://2130706433:5010"),
		"nothing, by the browser":      {"Origin": {""}, "Sec-Fetch-Site": {"cross-site"}},
		"two in one":                   origin(other + " http://evil.example"),
		"two":                          origin(other, "http://evil.example"),
		"the same twice":               origin(other, other),
		"a member that was removed":    origin("http://127.0.0.1:5020"),
		"a member's address in raft":   origin("http://127.0.0.1:6010"),
		"a link, by its Referer alone": {"Referer": {other + "/"}},
		"an image, by the browser":     {"Sec-Fetch-Site": {"cross-site"}, "Referer": {other + "/"}},
		"another port, by the browser": {"Sec-Fetch-Site": {"same-site"}, "Referer": {other + "/"}},
		"by what a proxy may say":      {"Origin": {"http://evil.example"}, "X-Forwarded-Host": {"127.0.0.1:5010"}, "X-Original-Host": {"127.0.0.1:5010"}, "Forwarded": {`host="127.0.0.1:5010"`}},
	} {
		f := newFake()
		cfg := DefaultConfig()
		members := &ofMembers{f, []string{"http://127.0.0.1:5000", other, "http://127.0.0.1:5020"}, nil}
		h, err := New(cfg, f, f, members, f)
		require.NoError(t, err)
		require.Equal(t, 201, call(h, "POST", "/v1/transactions", transferAB, "Origin", "http://127.0.0.1:5020").Code)
		members.addresses = members.addresses[:2] // it is removed
		before := f.writes
		for _, w := range writable {
			has := func(r *http.Request) { r.Header = header.Clone() }
			rec := callAs(h, has, "POST", w.path, w.body)
			requireProblem(t, rec, http.StatusForbidden, "origin_foreign", "")
			require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), "%s: %s", name, w.path)
			rec = callAs(h, func(r *http.Request) { has(r); r.Header.Set("Access-Control-Request-Method", "POST") }, "OPTIONS", w.path, "")
			require.Equal(t, http.StatusMethodNotAllowed, rec.Code, "%s: %s", name, w.path)
			require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), "%s: %s", name, w.path)
		}
		require.Equal(t, before, f.writes, name)
	}
}

// A site that may write by --allow-origin may, and hears as little as before.
func TestSitesThatMayWriteDoNotHear(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Origins = []string{"https://shop.example"}
	h := newShared(t, cfg, other)
	rec := call(h, "POST", "/v1/transactions", transferAB, "Origin", "https://shop.example")
	require.Equal(t, http.StatusCreated, rec.Code)
	require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"))
}

// A name that was pointed at a member is refused whosever page calls it so.
func TestPagesOfMembersCallAMemberByItsNames(t *testing.T) {
	f := newFake()
	h, err := New(DefaultConfig(), f, f, ofMembers{f, []string{other}, nil}, f)
	require.NoError(t, err)
	for _, host := range []string{"evil.example:5000", "127.0.0.1.evil.example"} {
		requireProblem(t, call(h, "POST", "/v1/transactions", transferAB, "Host", host, "Origin", other), http.StatusForbidden, "host_unknown", "")
		requireProblem(t, call(h, "POST", "/v1/transactions", transferAB, "Host", host, "Origin", "http://"+host), http.StatusForbidden, "host_unknown", "")
	}
	require.Zero(t, f.writes)
}

// A page of another member reads and sends, and that is all: it operates nothing, and reads
// nothing of the operator's, which needs no token on the node's own machine. GET /mine writes.
func TestPagesOfMembersDoNothingElse(t *testing.T) {
	f := newFake()
	f.nodes.Add("a:1", "")
	h, err := New(DefaultConfig(), f, f, ofMembers{f, []string{"http://127.0.0.1:5000", other}, nil}, f)
	require.NoError(t, err)
	for _, w := range [][2]string{
		{"GET", "/mine"}, {"POST", "/v1/contracts"}, {"DELETE", "/v1/nodes/a:1"}, {"GET", "/v1/backup"},
		{"POST", "/v1/tokens"}, {"DELETE", "/v1/tokens/x"}, {"POST", "/v1/cluster:activate"}, {"POST", "/v1/cluster%3Aactivate"},
		{"POST", "/v1/cluster:transfer-leader"}, {"POST", "/v1/cluster/members"}, {"POST", "/v1/cluster/members/n1:remove"},
		// Nothing that looks like another path has the rights of that one.
		{"POST", "/v1/cluster/members/..%2F..%2Ftransactions"}, {"POST", "/v1/cluster/members/%2e%2e"}, {"POST", "/v1/cluster/members/.."},
	} {
		for _, header := range [][]string{{"Origin", other}, {"Origin", other, "Sec-Fetch-Site", "cross-site"}, {"Origin", other, "X-Forwarded-For", "127.0.0.1"}} {
			rec := call(h, w[0], w[1], transferAB, header...)
			requireProblem(t, rec, http.StatusForbidden, "origin_foreign", "")
			require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), w)
		}
		rec := call(h, "OPTIONS", w[1], "", "Origin", other, "Access-Control-Request-Method", w[0])
		require.Equal(t, http.StatusMethodNotAllowed, rec.Code, w)
		require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), w)
	}
	require.Zero(t, f.writes)
	for _, path := range []string{"/v1/tokens", "/v1/audit", "/v1/diagnostics", "/v1/backup", "/metrics"} {
		require.Empty(t, call(h, "GET", path, "", "Origin", other).Header().Values("Access-Control-Allow-Origin"), path)
	}
}

// A follower has no members beside it: it takes nothing from anybody's page but its own.
func TestFollowersTakeNothingFromPagesOfMembers(t *testing.T) {
	n := newFakeNode()
	n.upstream = newHandler(t, newFake())
	h := newFollower(t, newFake(), n)
	for _, w := range writable {
		rec := call(h, "POST", w.path, w.body, "Origin", "http://127.0.0.1:5000", "Host", "127.0.0.1:5001")
		requireProblem(t, rec, http.StatusForbidden, "origin_foreign", "")
		require.Empty(t, rec.Header().Values("Access-Control-Allow-Origin"), w.path)
		rec = call(h, "OPTIONS", w.path, "", "Origin", "http://127.0.0.1:5000", "Access-Control-Request-Method", "POST")
		require.Equal(t, http.StatusMethodNotAllowed, rec.Code, w.path)
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
