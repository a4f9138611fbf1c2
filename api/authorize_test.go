package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// writesOf are the requests that change something, on a member and on a
// follower.
var writesOf = map[string][][3]string{
	"member": {
		{"POST", "/transactions/new", transferAB}, {"GET", "/mine", ""}, {"POST", "/mine", ""},
		{"POST", "/nodes/register", `{"nodes":["a:1"]}`}, {"POST", "/v1/transactions", transferAB},
		{"POST", "/v1/transactions:batch", `{"transactions":[` + transferAB + `]}`},
		{"POST", "/v1/contracts", `{"token":"usd","wallets":"open"}`}, {"DELETE", "/v1/nodes/a:1", ""},
	},
	"follower": {
		{"POST", "/transactions/new", transferAB}, {"GET", "/mine", ""}, {"POST", "/mine", ""},
		{"POST", "/nodes/register", `{"nodes":["a:1"]}`}, {"POST", "/v1/transactions", transferAB},
		{"POST", "/v1/transactions:batch", `{"transactions":[` + transferAB + `]}`},
		{"POST", "/information/new", `{"information":1}`}, {"DELETE", "/v1/nodes/a:1", ""},
	},
}

// takenWith is what a write is answered with that is taken. The others have another
// guard as well.
var takenWith = map[string]int{"/transactions/new": 201, "/mine": 200, "/nodes/register": 201, "/v1/transactions": 201,
	"/v1/transactions:batch": 200, "/information/new": 201}

// Pages of strangers and names that were pointed at this node change nothing,
// whatever the body calls itself; programs, and this node's own pages, do.
func TestOtherSitesChangeNothing(t *testing.T) {
	for _, tc := range []struct {
		name    string
		headers []string
		code    string // "" when it is taken
	}{
		{"a program", nil, ""},
		{"a program that says what it sends", []string{"Content-Type", "text/plain"}, ""},
		{"an address", []string{"Host", "192.0.2.7:5000"}, ""},
		{"an address of six", []string{"Host", "[2001:db8::1]:5000"}, ""},
		{"localhost", []string{"Host", "LOCALHOST."}, ""},
		{"below localhost", []string{"Host", "bpsc.localhost:5000"}, ""},
		{"a name that is configured", []string{"Host", "Node.Example:80"}, ""},
		{"its own page", []string{"Origin", "http://localhost:5000"}, ""},
		{"its own page, by the browser's word", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://x"}, ""},
		{"an address typed in", []string{"Sec-Fetch-Site", "none"}, ""},
		{"a site that is configured", []string{"Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}, ""},
		{"a link of its own", []string{"Referer", "http://localhost:5000/"}, ""},

		{"another site", []string{"Origin", "https://evil.example"}, "origin_foreign"},
		{"another site, as plain text", []string{"Origin", "https://evil.example", "Content-Type", "text/plain"}, "origin_foreign"},
		{"another site, as a form", []string{"Origin", "https://evil.example", "Content-Type", "application/x-www-form-urlencoded"}, "origin_foreign"},
		{"another port", []string{"Origin", "http://localhost:3000"}, "origin_foreign"},
		{"a file, a sandbox", []string{"Origin", "null"}, "origin_foreign"},
		{"an image", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, "origin_foreign"},
		{"a link", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, "origin_foreign"},
		{"the same machine", []string{"Sec-Fetch-Site", "same-site"}, "origin_foreign"},
		{"an image over plain HTTP", []string{"Referer", "http://evil.example/"}, "origin_foreign"},
		{"a name pointed here", []string{"Host", "evil.example:5000", "Origin", "http://evil.example:5000"}, "host_unknown"},
		{"a name pointed here, by a link", []string{"Host", "evil.example", "Sec-Fetch-Site", "none"}, "host_unknown"},
		{"almost localhost", []string{"Host", "notlocalhost"}, "host_unknown"},
		{"a name that looks like an address", []string{"Host", "127.0.0.1.evil.example"}, "host_unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for kind, writes := range writesOf {
				f, n := newFake(), newFakeNode()
				f.nodes.Add("a:1", "")
				n.nodes.Add("a:1", "")
				n.upstream = newHandler(t, f)
				cfg := DefaultConfig()
				cfg.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
				cfg.Hosts, cfg.Origins = []string{"node.example"}, []string{"https://app.example"}
				h, err := New(cfg, f, f, f, f)
				if kind == "follower" {
					h, err = NewFollower(cfg, directory{f, n}, n, n, n, f)
				}
				require.NoError(t, err)
				h = conforming(t, h)
				for _, w := range writes {
					rec := call(h, w[0], w[1], w[2], tc.headers...)
					if tc.code != "" {
						requireProblem(t, rec, http.StatusForbidden, tc.code, "")
					} else if status, ok := takenWith[w[1]]; ok {
						require.Equal(t, status, rec.Code, "%s %v: %s", kind, w, rec.Body)
					}
				}
				if tc.code != "" {
					require.Zero(t, f.writes)
					require.Len(t, n.blocks, 1)
					require.Empty(t, n.pending)
				}
				// What changes nothing is for everybody who knows whom they ask.
				for _, path := range []string{"/chain", "/livez", "/metrics", "/v1/contracts"} {
					rec := call(h, "GET", path, "", tc.headers...)
					if tc.code == "host_unknown" {
						requireProblem(t, rec, http.StatusForbidden, tc.code, "")
					} else {
						require.Equal(t, 200, rec.Code)
					}
				}
			}
		})
	}
}

func TestBlocksOnRequestHaveARate(t *testing.T) {
	f := newFake(openContract("aka"), openContract("usd"))
	h := newHandler(t, f)
	made := 0
	for range 5 * mineBurst {
		if rec := call(h, "GET", "/mine", ""); rec.Code == http.StatusOK {
			made++
		} else {
			p := requireProblem(t, rec, http.StatusTooManyRequests, "too_many_blocks", "")
			require.True(t, p.Retryable)
			require.Equal(t, "1", rec.Header().Get("Retry-After"))
		}
	}
	require.GreaterOrEqual(t, made, mineBurst)
	require.Less(t, made, 2*mineBurst)
	require.Equal(t, made, f.writes, "what is refused costs no entry of the log")
	require.Equal(t, 200, call(h, "POST", "/mine?contract=usd", "").Code, "every contract has its own")

	n := newFakeNode()
	p := newFollower(t, f, n)
	for range 5 * mineBurst {
		call(p, "GET", "/mine", "")
	}
	require.Less(t, len(n.blocks), 2*mineBurst)
}
