package cors

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is shared is for pages of peers alone, and what is not shared for nobody's.
func TestRoutesAreSharedWithPeers(t *testing.T) {
	const peer = "http://127.0.0.1:5010"
	shared := New(func() []string { return []string{peer} })
	shared.Add("GET", "/v1/things/:id")
	var nothing Routes
	for _, tc := range []struct {
		by             *Routes
		method, origin string
		may            bool
	}{
		{&shared, "GET", peer, true},
		{&shared, "POST", peer, false},
		{&shared, "GET", "http://evil.example", false},
		{&shared, "GET", "null", false},
		{&nothing, "GET", peer, false},
	} {
		r := httptest.NewRequest(tc.method, "/v1/things/7", nil)
		r.Header.Set("Origin", tc.origin)
		answer := http.Header{}
		tc.by.Allow(answer, r, "/v1/things/:id")
		require.Equal(t, tc.may, answer.Get("Access-Control-Allow-Origin") == tc.origin, tc)
		require.Equal(t, tc.may, tc.by.Origin(r, "/v1/things/:id") != nil, tc)

		asks := httptest.NewRequest("OPTIONS", "/v1/things/7", nil)
		asks.Header.Set("Origin", tc.origin)
		asks.Header.Set("Access-Control-Request-Method", tc.method)
		require.Equal(t, tc.may, tc.by.Preflight(answer, asks), tc)
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
