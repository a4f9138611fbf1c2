package access

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/token"
)

func sent(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:5000/chain", nil)
	r.RemoteAddr = "127.0.0.1:40000"
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	return r
}

// Another configuration takes the place of the present one whole, or not at all.
func TestAGuardGoesByTheConfigurationThatCounts(t *testing.T) {
	first, second := "the first secret of all", "the second secret of all"
	cfg := DefaultConfig()
	cfg.OperatorSecret = first
	g, err := New(cfg)
	require.NoError(t, err)
	knows := func(secret string) bool { return g.Identify(sent("Bearer "+secret)).Kind == Root }
	require.True(t, knows(first))

	bad := cfg
	bad.OperatorSecret, bad.Origins = second, []string{"not an origin"}
	_, err = g.Prepare(bad)
	require.Error(t, err)
	bad.Origins, bad.Anonymous = nil, token.Operate
	_, err = g.Prepare(bad)
	require.ErrorContains(t, err, "no operator")
	require.True(t, knows(first))

	cfg.OperatorSecret, cfg.Anonymous = second, 0
	take, err := g.Prepare(cfg)
	require.NoError(t, err)
	require.True(t, knows(first), "it does not count yet")
	take()
	require.False(t, knows(first))
	require.True(t, knows(second))
	_, err = g.Allow(sent(), Who{}, token.Read)
	require.ErrorIs(t, err, chain.TokenRequired)
}

// What a follower takes: its own secret, and what needs none; of others' tokens it knows
// that they are tokens.
func TestAFollowerKnowsNoTokens(t *testing.T) {
	const text = "bpsc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	cfg := DefaultConfig()
	cfg.Anonymous = token.Read
	g, err := New(cfg)
	require.NoError(t, err)
	who := g.Identify(sent("Bearer " + text))
	require.Equal(t, Who{Kind: Foreign}, who)
	_, err = g.Allow(sent(), who, token.Read)
	require.NoError(t, err)
	_, err = g.Allow(sent(), who, token.Submit)
	require.ErrorIs(t, err, outcome.TokenInvalid)
	for _, headers := range [][]string{{""}, {"Bearer"}, {"Bearer "}, {"Basic dTpw"}, {text}, {"Bearer " + text, "Bearer " + text}, {"Bearer bpsc_short"}} {
		who := g.Identify(sent(headers...))
		require.ErrorIs(t, who.Refused, outcome.TokenInvalid, headers)
		require.NotContains(t, who.Refused.(*Refusal).Detail, "AAAA")
		_, err := g.Allow(sent(), who, token.Read)
		require.ErrorIs(t, err, outcome.TokenInvalid, "who sends something that is no token is not anybody")
	}
	now, err := g.Allow(sent(), Who{}, token.Operate)
	require.NoError(t, err)
	require.Equal(t, Local, now.Kind)
	_, err = g.Allow(sent(), Who{Kind: Foreign}, token.Operate)
	require.Error(t, err, "whoever sends a token is not taken for the one on the machine")
}

// Pages of peers may post, and nothing else; of what a browser says only Origin counts.
func TestPagesOfPeersPost(t *testing.T) {
	const own, peer = "http://127.0.0.1:5000", "http://127.0.0.1:5010"
	cfg := DefaultConfig()
	cfg.Origins = []string{"https://app.example"}
	g, err := New(cfg)
	require.NoError(t, err)
	for _, tc := range []struct {
		name   string
		method string
		header http.Header
		peers  []string
		taken  bool
	}{
		{"a peer's page", "POST", http.Header{"Origin": {peer}}, []string{own, peer}, true},
		{"as browsers tell", "POST", http.Header{"Origin": {peer}, "Sec-Fetch-Site": {"cross-site"}}, []string{peer}, true},
		{"of the same machine", "POST", http.Header{"Origin": {peer}, "Sec-Fetch-Site": {"same-site"}}, []string{peer}, true},
		{"whatever Referer says", "POST", http.Header{"Origin": {peer}, "Referer": {"http://evil.example/"}}, []string{peer}, true},
		{"the own page", "POST", http.Header{"Origin": {own}}, nil, true},
		{"the own page with GET", "GET", http.Header{"Origin": {own}}, []string{peer}, true},
		{"a program", "GET", nil, []string{peer}, true},
		{"a site that is configured", "GET", http.Header{"Origin": {"https://app.example"}}, nil, true},

		{"what is not for peers", "POST", http.Header{"Origin": {peer}}, nil, false},
		{"another page", "POST", http.Header{"Origin": {"http://127.0.0.1:5011"}}, []string{peer}, false},
		{"over TLS", "POST", http.Header{"Origin": {"https://127.0.0.1:5010"}}, []string{peer}, false},
		{"by another name", "POST", http.Header{"Origin": {"http://localhost:5010"}}, []string{peer}, false},
		{"a sandbox", "POST", http.Header{"Origin": {"null"}}, []string{peer}, false},
		{"none", "POST", http.Header{"Origin": {""}, "Sec-Fetch-Site": {"cross-site"}}, []string{peer}, false},
		{"two", "POST", http.Header{"Origin": {peer, "http://evil.example"}}, []string{peer}, false},
		{"Referer alone", "POST", http.Header{"Referer": {peer + "/"}}, []string{peer}, false},
		{"Referer and the browser's word", "POST", http.Header{"Referer": {peer + "/"}, "Sec-Fetch-Site": {"cross-site"}}, []string{peer}, false},
		{"GET, which writes here", "GET", http.Header{"Origin": {peer}}, []string{peer}, false},
		{"an image, which writes here", "GET", http.Header{"Referer": {peer + "/"}, "Sec-Fetch-Site": {"same-site"}}, []string{peer}, false},
		{"DELETE", "DELETE", http.Header{"Origin": {peer}}, []string{peer}, false},
	} {
		r := httptest.NewRequest(tc.method, own+"/mine", nil)
		for name, values := range tc.header {
			r.Header[name] = values
		}
		err := g.SameSite(r, tc.peers...)
		if tc.taken {
			require.NoError(t, err, tc.name)
		} else {
			require.ErrorIs(t, err, outcome.OriginForeign, tc.name)
		}
	}
}
