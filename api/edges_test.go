package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/internal/webserver"
)

// listenWith serves a fake as a node does, bounds of connections included.
func listenWith(t *testing.T, cfg Config, f *fake) (addr string) {
	t.Helper()
	h, err := New(cfg, f, f, f, f)
	require.NoError(t, err)
	h = conforming(t, h)
	server, err := NewServer(cfg, h)
	require.NoError(t, err)
	l, err := webserver.Listen("127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { server.Close(); require.NoError(t, <-served) })
	return l.Addr().String()
}

// exchange sends bytes and reads one answer, nil where the connection ends without.
func exchange(t *testing.T, addr, text string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, _ = io.WriteString(conn, text) // one that is refused early may be reset
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		require.NotErrorIs(t, err, net.ErrClosed)
		return nil, ""
	}
	body, _ := io.ReadAll(resp.Body)
	return resp, string(body)
}

// describedInfo is what the description of the API says before its operations.
func describedInfo(t *testing.T) string {
	t.Helper()
	text, err := described().JSON()
	require.NoError(t, err)
	var doc struct{ Info struct{ Description string } }
	require.NoError(t, json.Unmarshal(text, &doc))
	return doc.Info.Description
}

// Whatever is asked in whatever form has an answer that says so, and changes nothing.
func TestTricksGetNowhere(t *testing.T) {
	f := newFake()
	addr := listenWith(t, DefaultConfig(), f)
	const host = "Host: localhost\r\n"
	write := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(transferAB), transferAB)
	introduction := describedInfo(t)
	for _, tc := range []struct {
		name, text string
		status     int
		code       string // "" where net/http says so
	}{
		{"two slashes", "GET //chain HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"two slashes within", "GET /v1//contracts HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"up", "GET /v1/../livez HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"up, escaped", "GET /v1/%2e%2e/livez HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"up, in the middle of a longer path", "GET /v1/contracts/../../livez HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"here", "GET /./livez HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"a zero", "GET /livez%00 HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"a raw zero", "GET /livez\x00 HTTP/1.1\r\n" + host + "\r\n", 400, ""},
		{"an escaped slash", "GET /v1%2Fcontracts HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"a slash twice escaped", "GET /v1%252Fcontracts HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"a broken escape", "GET /v1/%zz HTTP/1.1\r\n" + host + "\r\n", 400, ""},
		{"a backslash", "GET \\v1\\contracts HTTP/1.1\r\n" + host + "\r\n", 400, ""},
		{"capitals", "GET /LIVEZ HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"an operation behind a read", "POST /livez/../v1/contracts HTTP/1.1\r\n" + host + write, 404, "path_unknown"},
		{"a path parameter", "GET /v1/contracts;x=1 HTTP/1.1\r\n" + host + "\r\n", 404, "path_unknown"},
		{"a long path", "GET /" + strings.Repeat("a", 9_000) + " HTTP/1.1\r\n" + host + "\r\n", 414, "target_too_long"},
		{"no path", "GET  HTTP/1.1\r\n" + host + "\r\n", 400, ""},
		{"a word for a path", "GET livez HTTP/1.1\r\n" + host + "\r\n", 400, ""},
		{"everything", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400, "request_malformed"},
		{"a tunnel", "CONNECT 127.0.0.1:1 HTTP/1.1\r\n" + host + "\r\n", 400, "request_malformed"},
		{"a tunnel to a path", "CONNECT /livez HTTP/1.1\r\n" + host + "\r\n", 400, "request_malformed"},
		{"a proxy's request for here", "GET http://localhost/livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200, ""},
		{"a proxy's request for elsewhere", "GET http://evil.example/livez HTTP/1.1\r\n" + host + "\r\n", 403, "host_unknown"},
		{"a proxy's request with a user", "GET http://me@localhost/livez HTTP/1.1\r\n" + host + "\r\n", 400, "request_malformed"},
		{"no host", "GET /livez HTTP/1.1\r\n\r\n", 400, ""},
		{"two hosts", "GET /livez HTTP/1.1\r\n" + host + host + "\r\n", 400, ""},
		{"a host with a user", "GET /livez HTTP/1.1\r\nHost: localhost@localhost\r\n\r\n", 400, ""},
		{"another host", "GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "host_unknown"},
		{"another host, to read", "GET /chain HTTP/1.1\r\nHost: evil.example:5000\r\n\r\n", 403, "host_unknown"},
		{"another method", "POST /v1/transactions HTTP/1.1\r\n" + host + "X-HTTP-Method-Override: DELETE\r\n" + write, 400, "request_malformed"},
		{"a method of its own", "BREW /livez HTTP/1.1\r\n" + host + "\r\n", 405, "method_not_allowed"},
		{"a trace", "TRACE /livez HTTP/1.1\r\n" + host + "\r\n", 405, "method_not_allowed"},
		{"a preflight", "OPTIONS /v1/transactions HTTP/1.1\r\n" + host + "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n", 405, "method_not_allowed"},
		{"a large header", "GET /livez HTTP/1.1\r\n" + host + "A: " + strings.Repeat("a", 20_000) + "\r\n\r\n", 431, "header_too_large"},
		{"many headers", "GET /livez HTTP/1.1\r\n" + host + strings.Repeat("A: a\r\n", 500) + "\r\n", 431, "header_too_large"},
		{"a huge header", "GET /livez HTTP/1.1\r\n" + host + "A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", 431, ""},
		{"an expectation", "GET /livez HTTP/1.1\r\n" + host + "Expect: tea\r\n\r\n", 417, ""},
		{"two lengths", "POST /v1/transactions HTTP/1.1\r\n" + host + "Content-Length: 5\r\n" + write, 400, ""},
		{"a length that is none", "POST /v1/transactions HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400, ""},
		{"a coding that is none", "POST /v1/transactions HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, ""},
		{"another version", "GET /livez HTTP/3.0\r\n" + host + "\r\n", 505, ""},
		{"HTTP/2 that nobody agreed on", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, ""},
		{"a header over two lines", "GET /livez HTTP/1.1\r\n" + host + "A: 1\r\n 2\r\n\r\n", 200, ""},
		{"a space before the colon", "GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n", 400, ""},
		{"no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 100) + "\r\n\r\n", 400, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := exchange(t, addr, tc.text)
			if resp == nil {
				require.Zero(t, tc.status, "no answer")
				return
			}
			if tc.status == 0 {
				require.GreaterOrEqual(t, resp.StatusCode, 400)
				return
			}
			require.Equal(t, tc.status, resp.StatusCode, body)
			if tc.code == "" && tc.status >= 400 { // net/http's own answer, and the description says which there are
				require.Regexp(t, `before it is one.*\b`+strconv.Itoa(tc.status)+`\b`, introduction)
			}
			if tc.code != "" {
				var p answeredProblem
				require.NoError(t, json.Unmarshal([]byte(body), &p), body)
				require.Equal(t, tc.code, p.Code)
				requireHardened(t, resp.Header)
			}
			if tc.code == "request_malformed" || tc.code == "target_too_long" || tc.code == "header_too_large" {
				require.True(t, resp.Close)
			}
		})
	}
	require.Zero(t, f.writes)
}

func requireHardened(t *testing.T, h http.Header) {
	t.Helper()
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
	for name := range h {
		require.False(t, strings.HasPrefix(name, "Access-Control"), name)
	}
}

// Answers are hardened whatever they are, and no page of another site may read one.
func TestEveryAnswerIsHardened(t *testing.T) {
	f := newFake()
	cfg := DefaultConfig()
	cfg.Origins = []string{"https://app.example"}
	h := newHandlerWith(t, cfg, f)
	for _, origin := range []string{"", "http://evil.example", "https://app.example", "null", "http://localhost:5001"} {
		for _, r := range [][3]string{
			{"GET", "/chain", ""}, {"GET", "/livez", ""}, {"GET", "/nix", ""}, {"GET", "/v1/blocks/1", ""}, {"HEAD", "/v1/contracts", ""},
			{"POST", "/v1/transactions", transferAB}, {"POST", "/v1/transactions", "x"}, {"OPTIONS", "/v1/transactions", ""}, {"GET", "/v1/cluster?x=1&x=2", ""},
		} {
			requireHardened(t, call(h, r[0], r[1], r[2], "Origin", origin).Header())
		}
	}
}

// Who comes too often is told so before its body is read, and when to come again.
func TestWhoComesTooOftenIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the word takes its time
		f := newFake()
		cfg := DefaultConfig()
		cfg.Edge = edge.NewGuard(edge.Config{PerAddress: admission.Limit{Every: 10 * time.Second, Burst: 3}})
		h := newHandlerWith(t, cfg, f)
		from := func(peer string) func(*http.Request) {
			return func(r *http.Request) {
				r.RemoteAddr, r.Body = peer, unread{t}
				if r.Method == http.MethodPost && peer != "192.0.2.1:2" {
					r.Body = io.NopCloser(strings.NewReader(transferAB))
				}
			}
		}
		for range 3 {
			require.Equal(t, 201, callAs(h, from("192.0.2.1:1"), "POST", "/v1/transactions", transferAB).Code)
		}
		rec := callAs(h, from("192.0.2.1:2"), "POST", "/v1/transactions", transferAB)
		p := requireProblem(t, rec, 429, "rate_limited", "")
		require.True(t, p.Retryable)
		require.Equal(t, "9", rec.Header().Get("Retry-After"), "ten seconds, of which one is over")
		requireHardened(t, rec.Header())
		requireProblem(t, callAs(h, from("192.0.2.1:2"), "GET", "/chain", ""), 429, "rate_limited", "")
		require.Equal(t, 200, callAs(h, from("192.0.2.1:2"), "GET", "/livez", "").Code, "whoever watches over the node is answered")
		require.Equal(t, 201, callAs(h, from("192.0.2.9:1"), "POST", "/v1/transactions", transferAB).Code)
		require.Equal(t, 4, f.writes)
	})
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) { u.t.Error("the body was read"); return 0, io.EOF }
func (u unread) Close() error             { return nil }

// Batches pay for what is in them.
func TestABatchCountsByItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.Edge = edge.NewGuard(edge.Config{PerAddress: admission.Limit{Every: time.Minute, Burst: 100}})
		h := newHandlerWith(t, cfg, newFake())
		guest := func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }
		unsized := func(r *http.Request) { r.RemoteAddr, r.ContentLength = "192.0.2.2:1", -1 }
		body := `{"transactions":[` + strings.Repeat(transferAB+",", 4_000) + transferAB + `]}`
		for _, as := range []func(*http.Request){guest, unsized} {
			require.Equal(t, 200, callAs(h, as, "POST", "/v1/transactions:batch", body).Code)
			rec := callAs(h, as, "GET", "/livez/", "")
			requireProblem(t, rec, 429, "rate_limited", "")
		}
	})
}

// Guests have a quarter of the memory for bodies, and others have theirs.
func TestGuestsHaveAMemoryOfTheirOwn(t *testing.T) {
	s, err := newMember(DefaultConfig(), newFake(), newFake(), newFake(), newFake())
	require.NoError(t, err)
	require.NoError(t, s.pool.ofGuest.Acquire(t.Context(), maxBodyBytes/guestShare))
	body := `{"transactions":[` + strings.Repeat(transferAB+",", 999) + transferAB + `]}`
	guest := func(r *http.Request) { r.RemoteAddr, r.Host = "192.0.2.1:1", "localhost" }
	requireProblem(t, callAs(s.routes(), guest, "POST", "/v1/transactions:batch", body), 503, "too_many_clients", "")
	require.Equal(t, 200, call(s.routes(), "POST", "/v1/transactions:batch", body).Code)
	s.pool.ofGuest.Release(maxBodyBytes / guestShare)
	require.Equal(t, 200, callAs(s.routes(), guest, "POST", "/v1/transactions:batch", body).Code)
	require.True(t, s.pool.ofGuest.TryAcquire(maxBodyBytes/guestShare), "all is given back")
}

// Requests over the network are named in the log, by who asked and for what kind of
// thing; those of this machine only where somebody looks for them.
func TestRequestsOverTheNetworkAreNamed(t *testing.T) {
	var out bytes.Buffer
	cfg := DefaultConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(&out, nil))
	cfg.OperatorSecret = "0123456789abcdef"
	h := newHandlerWith(t, cfg, newFake())
	call(h, "GET", "/v1/accounts/wallet-of-mine", "")
	require.Empty(t, out.String())
	far := func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }
	callAs(h, far, "GET", "/v1/accounts/wallet-of-mine", "", "X-Request-Id", "r-1", "Authorization", "Bearer "+cfg.OperatorSecret)
	require.Contains(t, out.String(), `request_id=r-1 who=root address=192.0.2.1 method=GET route=/v1/accounts/:address status=200`)
	callAs(h, far, "GET", "/nix", "", "Authorization", "Bearer bpsc_wrong")
	require.Contains(t, out.String(), `who=anonymous address=192.0.2.1 method=GET route=none status=404`)
	for _, secret := range []string{cfg.OperatorSecret, "bpsc_wrong", "wallet-of-mine"} {
		require.NotContains(t, out.String(), secret)
	}
}

// What is refused stays refused on the way through a follower.
func TestAFollowerHasTheSameEdges(t *testing.T) {
	n := newFakeNode()
	h := newFollower(t, newFake(), n)
	requireProblem(t, call(h, "GET", "/v1/contracts", "", "Host", "evil.example"), 403, "host_unknown", "")
	requireProblem(t, call(h, "GET", "/v1/contracts", "", "X-HTTP-Method", "DELETE"), 400, "request_malformed", "")
	requireHardened(t, call(h, "GET", "/v1/contracts", "").Header())
}

// All guests together are sent so many pieces of events a second, and no more.
func TestGuestsWaitForTheirTurnOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := newMember(DefaultConfig(), newFake(), newFake(), newFake(), newFake())
		require.NoError(t, err)
		began := time.Now()
		for range guestChunks/4 + guestChunks {
			require.NoError(t, s.awaitTurn(t.Context()))
		}
		require.InDelta(t, time.Second, time.Since(began), float64(50*time.Millisecond))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 * guestChunks {
			err = s.awaitTurn(ctx)
		}
		require.ErrorIs(t, err, context.Canceled)
	})
}
