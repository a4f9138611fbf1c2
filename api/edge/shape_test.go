package edge

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/outcome"
)

// read is a request as net/http reads it from a connection.
func read(t *testing.T, text string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	require.NoError(t, err)
	return r
}

func TestRequestsThatNobodySends(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       error
	}{
		{"usual", "GET /chain?limit=3 HTTP/1.1\r\nHost: localhost\r\n\r\n", nil},
		{"a name that is any text", "GET /v1/accounts/%00..%2F%2e HTTP/1.1\r\nHost: localhost\r\n\r\n", nil},
		{"with scheme and host", "GET http://localhost/chain HTTP/1.1\r\nHost: other\r\n\r\n", nil},
		{"with host and no path", "GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.RequestMalformed},
		{"for a proxy", "GET ftp://localhost/chain HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.RequestMalformed},
		{"a tunnel", "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.RequestMalformed},
		{"a tunnel to a path", "CONNECT /chain HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.RequestMalformed},
		{"everything", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.RequestMalformed},
		{"a user in the address", "GET http://me:secret@localhost/chain HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.RequestMalformed},
		{"a user in Host", "GET /chain HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n", outcome.RequestMalformed},
		{"another method", "POST /chain HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: DELETE\r\n\r\n", outcome.RequestMalformed},
		{"another method, by another name", "GET /chain HTTP/1.1\r\nHost: localhost\r\nx-method-override: DELETE\r\n\r\n", outcome.RequestMalformed},
		{"a long path", "GET /" + strings.Repeat("a", maxTarget) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.TargetTooLong},
		{"a long query", "GET /chain?" + strings.Repeat("a", maxTarget) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", outcome.TargetTooLong},
		{"a long header", "GET /chain HTTP/1.1\r\nHost: localhost\r\nCookie: " + strings.Repeat("a", maxHeaderBytes) + "\r\n\r\n", outcome.HeaderTooLarge},
		{"many headers", "GET /chain HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("A: 1\r\n", maxHeaders+1) + "\r\n", outcome.HeaderTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := CheckShape(read(t, tc.text))
			require.ErrorIs(t, err, tc.want)
			if err != nil {
				require.NotContains(t, err.Error(), "secret")
			}
		})
	}
}

func TestAnswersAreDataAndNothingElse(t *testing.T) {
	r := httptest.NewRequest("GET", "/chain", nil)
	h := http.Header{}
	Harden(h, r)
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
	require.Empty(t, h.Get("Strict-Transport-Security"), "over plain HTTP it would say nothing true")
	r.TLS = &tls.ConnectionState{}
	Harden(h, r)
	require.Contains(t, h.Get("Strict-Transport-Security"), "max-age=")
	for name := range h {
		require.NotContains(t, name, "Access-Control")
	}
}

func FuzzCheckShape(f *testing.F) {
	for _, target := range []string{"/", "//", "/%00", "*", "http://a/b", "http://u@a/b", "/..", "?", "a:b"} {
		f.Add("GET", target, "localhost")
	}
	f.Fuzz(func(t *testing.T, method, target, host string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, target, host))))
		if err != nil {
			return
		}
		if CheckShape(r) == nil && (!strings.HasPrefix(r.URL.Path, "/") || r.URL.User != nil || r.Method == http.MethodConnect) {
			t.Fatalf("%q is let through", target)
		}
	})
}
