package webserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testConfig() Config {
	return Config{
		Connections: 3, KeptConnections: 3, SpareConnections: 2, SpareTimeout: 10 * time.Second, spareSilence: 10 * time.Second, Silence: time.Minute,
		Vital: func(r *http.Request) bool { return r.URL.Path == "/livez" },
		Refuse: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}),
		HeaderTimeout: 10 * time.Second, RequestTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		WriteStep: 64 << 10, IdleTimeout: 10 * time.Second, HeaderBytes: 16 << 10,
		Logger: slog.New(slog.DiscardHandler),
	}
}

// serve runs a server until the end of the test.
func serve(t *testing.T, cfg Config, h http.HandlerFunc) (s *Server, addr string) {
	t.Helper()
	s, err := New(cfg, h)
	require.NoError(t, err)
	l, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx)
		require.NoError(t, <-served)
	})
	return s, l.Addr().String()
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn.(*net.TCPConn)
}

// get asks on a connection, and returns the answer's first line and header.
func get(t *testing.T, conn net.Conn, path string) *http.Response {
	t.Helper()
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return resp
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestConfigIsValidated(t *testing.T) {
	require.NoError(t, testConfig().Validate())
	for _, spoil := range []func(*Config){
		func(c *Config) { c.Connections = 0 }, func(c *Config) { c.WriteTimeout = 0 }, func(c *Config) { c.Refuse = nil },
	} {
		cfg := testConfig()
		spoil(&cfg)
		_, err := New(cfg, http.HandlerFunc(hello))
		require.Error(t, err)
	}
}

func TestClientsBeyondTheBoundAreToldSo(t *testing.T) {
	_, addr := serve(t, testConfig(), hello)
	for range 3 {
		require.Equal(t, 200, get(t, dial(t, addr), "/").StatusCode)
	}
	for range 10 { // more than there are spare places: each is given back
		conn := dial(t, addr)
		resp := get(t, conn, "/")
		require.Equal(t, 503, resp.StatusCode)
		require.Equal(t, "1", resp.Header.Get("Retry-After"))
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, 200, get(t, dial(t, addr), "/livez").StatusCode, "who watches is let through")
	}
}

// Clients that ask nothing do not keep out those that do.
func TestIdleClientsLeaveRoom(t *testing.T) {
	cfg := testConfig()
	cfg.KeptConnections = 2
	_, addr := serve(t, cfg, hello)
	for range 2 {
		require.False(t, get(t, dial(t, addr), "/").Close, "kept for the next request")
	}
	for range 10 { // and stays connected: the server has ended it
		conn := dial(t, addr)
		require.Eventually(t, func() bool { // the place of the one before may not be back yet
			resp := get(t, conn, "/")
			require.True(t, resp.Close)
			if resp.StatusCode != 200 {
				conn = dial(t, addr)
			}
			return resp.StatusCode == 200
		}, 20*time.Second, time.Millisecond)
	}
}

func TestRefusalReachesAClientThatStillSends(t *testing.T) {
	_, addr := serve(t, testConfig(), hello)
	for range 3 {
		get(t, dial(t, addr), "/")
	}
	conn := dial(t, addr)
	_, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n%s", strings.Repeat("x", 1<<20))
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 503, resp.StatusCode)
}

func TestSparePlacesAreNotForKeeps(t *testing.T) {
	cfg := testConfig()
	cfg.spareSilence = spareSilence
	_, addr := serve(t, cfg, hello)
	for range 3 {
		get(t, dial(t, addr), "/")
	}
	for range 20 {
		dial(t, addr) // and says nothing
	}
	require.Equal(t, 503, get(t, dial(t, addr), "/").StatusCode)
}

func TestPlacesAreGivenBack(t *testing.T) {
	_, addr := serve(t, testConfig(), hello)
	for range 20 {
		conn := dial(t, addr)
		require.Eventually(t, func() bool {
			resp := get(t, conn, "/")
			ok := resp.StatusCode == 200
			require.NoError(t, conn.Close())
			if !ok {
				conn = dial(t, addr)
			}
			return ok
		}, 20*time.Second, time.Millisecond)
	}
}

func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	cfg := testConfig()
	cfg.WriteTimeout = 50 * time.Millisecond
	_, addr := serve(t, cfg, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<10)) })
	conn := dial(t, addr)
	require.NoError(t, conn.SetReadBuffer(4<<10))
	var err error
	for asked := 0; err == nil; asked++ { // small answers, one after the other
		require.Less(t, asked, 1<<20)
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the server ends it, not the test's time")
}

func TestRequestThatDoesNotArriveIsGivenUp(t *testing.T) {
	cfg := testConfig()
	cfg.HeaderTimeout, cfg.RequestTimeout = 50*time.Millisecond, 50*time.Millisecond
	_, addr := serve(t, cfg, hello)
	for _, text := range []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"} {
		conn := dial(t, addr)
		_, err := io.WriteString(conn, text)
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
		}
		// Who writes after the end, as a test that had to wait for a processor, is told of it in another way.
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			require.NoError(t, err, text)
		}
	}
}

func TestHalfClosedClientGetsItsAnswer(t *testing.T) {
	asked, gone := make(chan struct{}), make(chan struct{})
	_, addr := serve(t, testConfig(), func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-Gone(r.Context()).Done()
		close(gone)
		require.NoError(t, r.Context().Err())
		hello(w, r)
	})
	conn := dial(t, addr)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-asked
	require.NoError(t, conn.CloseWrite())
	<-gone
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	s, addr := serve(t, testConfig(), func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		defer UntilDraining(r.Context(), func() { close(answer) })()
		<-answer
		require.NoError(t, r.Context().Err())
		hello(w, r)
	})
	conn := dial(t, addr)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-asked
	require.NoError(t, s.Shutdown(t.Context()))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
}

// Connections end with their answers once nobody is taken on any more, and not
// before: their clients would come again.
func TestTheLastAnswersEndTheirConnections(t *testing.T) {
	cfg := testConfig()
	cfg.Linger = time.Minute
	s, addr := serve(t, cfg, hello)
	conn := dial(t, addr)
	require.False(t, get(t, conn, "/").Close)
	s.Drain()
	require.False(t, get(t, conn, "/").Close)
	require.Equal(t, 200, get(t, dial(t, addr), "/").StatusCode, "others are still served")

	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { _ = s.Shutdown(ctx); close(stopped) }()
	require.Eventually(t, s.hungUp.Load, time.Minute, time.Millisecond)
	_, err := net.Dial("tcp", addr)
	require.Error(t, err)
	resp := get(t, conn, "/")
	require.Equal(t, 200, resp.StatusCode)
	require.True(t, resp.Close)
	cancel()
	<-stopped
}

func TestShutdownDoesNotWaitForClients(t *testing.T) {
	started := make(chan struct{}, 3)
	ended := make(chan error, 3)
	s, addr := serve(t, testConfig(), func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		switch r.URL.Path {
		case "/upload":
			_, err := io.Copy(io.Discard, r.Body)
			ended <- err
		case "/download":
			_, err := w.Write(make([]byte, 64<<20))
			ended <- err
		case "/wait":
			<-r.Context().Done()
			ended <- r.Context().Err()
		}
	})
	for _, path := range []string{"/upload", "/download", "/wait"} {
		_, err := fmt.Fprintf(dial(t, addr), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1", path)
		require.NoError(t, err)
		<-started
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
	for range 3 {
		select {
		case err := <-ended:
			require.Error(t, err)
		default:
			t.Fatal("a handler still runs")
		}
	}
	_, err := net.Dial("tcp", addr)
	var refused *net.OpError
	require.True(t, errors.As(err, &refused))
}

// Who has come before the listener closes is served, though nobody had accepted
// the connection yet: it may have carried a request.
func TestWhoHasComeIsServedAfterTheListenerHasClosed(t *testing.T) {
	raw, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	cfg := testConfig()
	l := newListener(raw, &cfg, make(chan struct{}, cfg.Connections), newCrowd())
	var clients []net.Conn
	for range 5 {
		conn := dial(t, raw.Addr().String())
		_, err := io.WriteString(conn, "x")
		require.NoError(t, err)
		clients = append(clients, conn)
	}
	require.NoError(t, l.Close())
	_, err = net.Dial("tcp", raw.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	for range clients {
		conn, err := l.Accept()
		require.NoError(t, err)
		_, err = io.ReadFull(conn, make([]byte, 1))
		require.NoError(t, err)
		_, err = io.WriteString(conn, "y")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	for _, conn := range clients {
		text, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, "y", string(text))
	}
}

// A client that comes while the server stops is served or refused: it is never
// left with a request of which it cannot know what became.
func TestStopResetsNobody(t *testing.T) {
	for range 5 {
		cfg := testConfig()
		cfg.Connections, cfg.KeptConnections = 100, 100
		s, addr := serve(t, cfg, hello)
		served := make(chan struct{}, 1)
		var clients errgroup.Group
		for range 24 {
			clients.Go(func() error {
				for {
					conn, err := net.Dial("tcp", addr)
					if errors.Is(err, syscall.ECONNREFUSED) {
						return nil
					} else if err != nil {
						return err
					}
					_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
					if err == nil {
						_, err = io.ReadAll(conn)
					}
					if err = errors.Join(err, conn.Close()); err != nil {
						return err
					}
					select {
					case served <- struct{}{}:
					default:
					}
				}
			})
		}
		<-served
		require.NoError(t, s.Shutdown(t.Context()))
		require.NoError(t, clients.Wait())
	}
}
