package webserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// from connects from another address of this machine.
func from(t *testing.T, ip, addr string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	conn, err := dialer.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// ended waits until the server has closed a connection.
func ended(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the server ends it, not the test's time")
}

// known answers, and takes whoever says so for known.
func known(w http.ResponseWriter, r *http.Request) {
	if r.Header["Authorization"] != nil {
		Known(r.Context())
	} else if OnSpare(r.Context()) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	hello(w, r)
}

func askKnown(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	_, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer me\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return resp
}

// Who has nothing to say makes room: silent from the beginning, in the middle of a
// header, or between two requests. Who has said who they are does not.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	cfg := testConfig()
	cfg.Silence, cfg.IdleTimeout = 20*time.Millisecond, time.Hour
	_, addr := serve(t, cfg, known)
	mine := dial(t, addr)
	require.Equal(t, 200, askKnown(t, mine).StatusCode)

	for i := range 12 {
		conn := dial(t, addr)
		switch i % 3 {
		case 1:
			_, err := io.WriteString(conn, "GET / HT")
			require.NoError(t, err)
		case 2:
			_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			one := dial(t, addr)
			defer one.Close()
			return get(t, one, "/").StatusCode == 200
		}, 20*time.Second, time.Millisecond)
	}
	require.Equal(t, 200, askKnown(t, mine).StatusCode, "and has its connection still")
}

// A request that is worked on keeps its connection, however long that takes.
func TestWhoIsWorkedForMakesNoRoom(t *testing.T) {
	cfg := testConfig()
	cfg.Silence = time.Millisecond
	asked, answer := make(chan struct{}, 3), make(chan struct{})
	_, addr := serve(t, cfg, func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-answer
		hello(w, r)
	})
	var conns []net.Conn
	for range 3 {
		conn := dial(t, addr)
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		conns = append(conns, conn)
		<-asked
	}
	for range 10 {
		require.Equal(t, 503, get(t, dial(t, addr), "/").StatusCode)
	}
	close(answer)
	for _, conn := range conns {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
	}
}

// Where there is no place at all, whoever is known is served on a spare one.
func TestTheKnownAreServedWhenAllPlacesAreTaken(t *testing.T) {
	cfg := testConfig()
	cfg.Vital = func(r *http.Request) bool { return r.Header["Authorization"] != nil }
	_, addr := serve(t, cfg, known)
	for range 3 {
		require.Equal(t, 200, get(t, dial(t, addr), "/").StatusCode)
	}
	for range 10 {
		require.Equal(t, 503, get(t, dial(t, addr), "/").StatusCode)
		resp := askKnown(t, dial(t, addr))
		require.Equal(t, 200, resp.StatusCode)
		require.True(t, resp.Close, "the next one needs the place")
	}
}

func TestANetworkHasItsShare(t *testing.T) {
	cfg := testConfig()
	cfg.Connections, cfg.KeptConnections, cfg.NetworkConnections, cfg.ConnectionRequests = 20, 20, 2, 3
	cfg.Origin = func(at netip.Addr) Origin {
		network, _ := at.Prefix(24)
		return Origin{Network: network, Limited: at != netip.MustParseAddr("127.0.0.1"), Unwelcome: at == netip.MustParseAddr("127.9.9.9")}
	}
	_, addr := serve(t, cfg, known)
	first, second := from(t, "127.1.1.1", addr), from(t, "127.1.1.2", addr)
	require.Equal(t, 200, get(t, first, "/").StatusCode)
	require.Equal(t, 200, get(t, second, "/").StatusCode)
	ended(t, from(t, "127.1.1.3", addr))
	ended(t, from(t, "127.9.9.9", addr))
	require.Equal(t, 200, get(t, from(t, "127.1.2.1", addr), "/").StatusCode, "another network has its own")
	for range 5 {
		require.Equal(t, 200, get(t, dial(t, addr), "/").StatusCode, "this one has no bound")
	}

	require.Equal(t, 200, askKnown(t, first).StatusCode)
	third := from(t, "127.1.1.3", addr)
	require.Equal(t, 200, get(t, third, "/").StatusCode, "whoever is known counts for nobody")
	require.False(t, get(t, third, "/").Close)
	require.True(t, get(t, third, "/").Close, "and has no number of requests")
	for range 5 {
		require.False(t, askKnown(t, first).Close)
	}
	ended(t, third)
	require.Eventually(t, func() bool { // its place is given back
		conn := from(t, "127.1.1.4", addr)
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil
	}, 20*time.Second, time.Millisecond)
}

// A request of a connection that has just made room is not begun.
func TestNothingIsBegunForWhoHasMadeRoom(t *testing.T) {
	w := newCrowd()
	client, server := net.Pipe()
	defer client.Close()
	c := &conn{Conn: server, crowd: w, release: func() {}}
	w.join(c)
	require.True(t, w.begin(c))
	made, next := w.makeRoom(time.Minute)
	require.False(t, made, "it is worked for")
	require.Equal(t, time.Minute, next)
	w.end(c)
	made, next = w.makeRoom(time.Hour)
	require.False(t, made)
	require.Less(t, next, time.Hour)
	made, _ = w.makeRoom(0)
	require.True(t, made)
	require.False(t, w.begin(c))
	_, err := client.Read(make([]byte, 1))
	require.True(t, errors.Is(err, io.EOF))
	require.Equal(t, &w.silent, w.silent.next, "and nobody is left")
}
