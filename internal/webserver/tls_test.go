package webserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/pki/pkitest"
	"github.com/bpsc/bpsc/internal/protocol"
)

// serveTLS runs a server over TLS until the end of the test.
func serveTLS(t *testing.T, cfg Config, h http.HandlerFunc) (s *Server, addr string, ca *pki.Authority) {
	t.Helper()
	ca = pkitest.Authority(t, "one")
	pair := pkitest.TLS(pkitest.Server(t, ca))
	s, err := New(cfg, h)
	require.NoError(t, err)
	l, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.ServeTLS(l, &tls.Config{Certificates: []tls.Certificate{pair}}) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx)
		require.NoError(t, <-served)
	})
	return s, l.Addr().String(), ca
}

func dialTLS(t *testing.T, addr string, ca *pki.Authority, protocols ...string) *tls.Conn {
	t.Helper()
	conn := tls.Client(dial(t, addr), &tls.Config{RootCAs: pkitest.Pool(ca), ServerName: "localhost", NextProtos: protocols})
	require.NoError(t, conn.Handshake())
	return conn
}

// testLog is a logger and what it has written.
func testLog() (*slog.Logger, func() string) {
	var mu sync.Mutex
	var text bytes.Buffer
	write := func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}
	return slog.New(slog.NewTextHandler(writer(write), nil)), func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// Over TLS a server speaks HTTP/1.1, whatever else a client offers.
func TestTLS(t *testing.T) {
	_, addr, ca := serveTLS(t, testConfig(), hello)
	conn := dialTLS(t, addr, ca, "h2", "http/1.1")
	require.Equal(t, "http/1.1", conn.ConnectionState().NegotiatedProtocol)
	for range 2 {
		resp := get(t, conn, "/")
		require.Equal(t, 200, resp.StatusCode)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "hello", string(text))
	}
}

// Who speaks plain HTTP on a port of TLS reads what is wrong, however much it has sent.
func TestPlainHTTPOnAPortOfTLS(t *testing.T) {
	cfg := testConfig()
	var logged func() string
	cfg.Logger, logged = testLog()
	_, addr, _ := serveTLS(t, cfg, hello)
	for name, body := range map[string]string{"short": "", "long": strings.Repeat("x", 60<<10)} {
		conn := dial(t, addr)
		_, err := io.WriteString(conn, "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bpsc_secret\r\n\r\n"+body)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, name)
		require.Equal(t, 400, resp.StatusCode)
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		var p protocol.Problem
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&p))
		require.Equal(t, "tls_required", p.Code)
		require.Contains(t, p.Detail, "https://")
		conn.Close()
	}
	require.Eventually(t, func() bool { return strings.Contains(logged(), "it speaks plain HTTP, and this is HTTPS") }, 20*time.Second, time.Millisecond)
	require.NotContains(t, logged(), "bpsc_secret")
}

// Who speaks TLS on a port of plain HTTP gets no further, and the log says why.
func TestTLSOnAPortOfPlainHTTP(t *testing.T) {
	cfg := testConfig()
	var logged func() string
	cfg.Logger, logged = testLog()
	_, addr := serve(t, cfg, hello)
	err := tls.Client(dial(t, addr), &tls.Config{ServerName: "localhost"}).Handshake()
	require.ErrorContains(t, err, "first record does not look like a TLS handshake")
	require.Contains(t, logged(), "a client speaks TLS on a port of plain HTTP")
}

// The bounds on connections hold over TLS: who comes when all places are taken is told so.
func TestClientsBeyondTheBoundAreToldSoOverTLS(t *testing.T) {
	cfg := testConfig()
	_, addr, ca := serveTLS(t, cfg, hello)
	for range cfg.Connections {
		require.Equal(t, 200, get(t, dialTLS(t, addr, ca), "/").StatusCode)
	}
	require.Equal(t, 503, get(t, dialTLS(t, addr, ca), "/").StatusCode)
	require.Equal(t, 200, get(t, dialTLS(t, addr, ca), "/livez").StatusCode)
}

// A client that connects and says nothing holds its place for as long as a header may
// take, and no longer.
func TestSilenceWhereTLSShouldBegin(t *testing.T) {
	cfg := testConfig()
	cfg.HeaderTimeout = 50 * time.Millisecond
	_, addr, _ := serveTLS(t, cfg, hello)
	conn := dial(t, addr)
	_, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "it was not cut off: %v", err)
	require.Error(t, err)
}

// A server that stops answers what is under way over TLS, and ends each connection with
// its answer.
func TestShutdownOverTLS(t *testing.T) {
	cfg := testConfig()
	cfg.Linger = 200 * time.Millisecond
	began, goOn := make(chan struct{}), make(chan struct{})
	s, addr, ca := serveTLS(t, cfg, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-goOn
		hello(w, r)
	})
	conn := dialTLS(t, addr, ca)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	require.Eventually(t, s.hungUp.Load, 20*time.Second, time.Millisecond)
	close(goOn)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.NoError(t, <-stopped)
}
