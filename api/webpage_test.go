package api

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

const forBrowsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestBrowsersGetThePage(t *testing.T) {
	h := newHandler(t, newFake())
	rec := call(h, "GET", "/", "", "Accept", forBrowsers)
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, "text/html; charset=utf-8", rec.Header().Get("Content-Type"))
	require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"))
	require.Equal(t, []string{"Accept"}, rec.Header().Values("Vary"))
	require.Len(t, rec.Header().Values("Content-Security-Policy"), 1)
	require.Regexp(t, `^default-src 'none'; script-src 'self'; style-src 'self'; .*frame-ancestors 'none'`, rec.Header().Get("Content-Security-Policy"))
	require.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
	again := call(h, "GET", "/", "", "Accept", forBrowsers, "If-None-Match", rec.Header().Get("Etag"))
	require.Equal(t, http.StatusNotModified, again.Code)
	require.Empty(t, again.Body.String())
	require.Equal(t, http.StatusOK, call(h, "HEAD", "/", "", "Accept", forBrowsers).Code)

	script := regexp.MustCompile(`src="(/assets/[^"]+/app/main\.mjs)"`).FindStringSubmatch(rec.Body.String())
	require.Len(t, script, 2)
	plain := call(h, "GET", script[1], "")
	require.Equal(t, http.StatusOK, plain.Code)
	require.Equal(t, "text/javascript; charset=utf-8", plain.Header().Get("Content-Type"))
	require.Equal(t, "public, max-age=31536000, immutable", plain.Header().Get("Cache-Control"))
	require.Empty(t, plain.Header().Get("Content-Encoding"))
	for _, refuses := range []string{"gzip;q=0", "identity, gzip; q=0.000", "gzip;\tQ=0", "br", "not-gzip"} {
		require.Empty(t, call(h, "GET", script[1], "", "Accept-Encoding", refuses).Header().Get("Content-Encoding"), refuses)
	}
	zipped := call(h, "GET", script[1], "", "Accept-Encoding", "gzip, br")
	require.Equal(t, "gzip", zipped.Header().Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", zipped.Header().Get("Vary"))
	require.Less(t, zipped.Body.Len(), plain.Body.Len())
	for _, path := range []string{"/assets/0000000000000000/app/main.mjs", "/assets/x", "/index.html", script[1] + "x"} {
		requireProblem(t, call(h, "GET", path, "", "Accept", forBrowsers), http.StatusNotFound, "path_unknown", "")
	}
	requireProblem(t, call(h, "POST", "/", "{}", "Accept", forBrowsers), http.StatusMethodNotAllowed, "method_not_allowed", "")
}

// Programs find at / what they found before there was a page.
func TestProgramsGetNoPage(t *testing.T) {
	h := newHandler(t, newFake())
	for _, accept := range []string{"", "*/*", "application/json", "application/problem+json"} {
		requireProblem(t, call(h, "GET", "/", "", "Accept", accept), http.StatusNotFound, "path_unknown", "")
	}
}

// The page has nothing of the ledger: it comes without a token where nobody may read
// without, and can ask for one.
func TestThePageNeedsNoToken(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Anonymous, cfg.LocalOperator = 0, false
	h := newHandlerWith(t, cfg, newFake())
	require.Equal(t, http.StatusOK, call(h, "GET", "/", "", "Accept", forBrowsers).Code)
	require.Equal(t, http.StatusUnauthorized, call(h, "GET", "/v1/contracts", "").Code)
}
