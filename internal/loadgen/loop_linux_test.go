package loadgen

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served are options by which requests go to a real server, and so through the loop.
func served(t *testing.T, h http.HandlerFunc) Options {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Options{
		Dial: func(ctx context.Context, _ int) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
		},
		Source:      func(int) Source { return &counting{} },
		Connections: 5, Duration: 300 * time.Millisecond, Interval: 20 * time.Millisecond, Timeout: 10 * time.Second, Units: 1,
	}
}

func TestTheLoopSendsAndReads(t *testing.T) {
	for _, rate := range []float64{0, 1000} {
		t.Run(fmt.Sprint("rate ", rate), func(t *testing.T) {
			var n atomic.Int64
			large := strings.Repeat("x", 3*firstBuffer)
			o := served(t, func(w http.ResponseWriter, r *http.Request) {
				i := n.Add(1)
				text := large[:int(i)%len(large)]
				w.Header().Set("Content-Length", fmt.Sprint(len(text)))
				_, _ = io.WriteString(w, text)
			})
			o.Rate = rate
			r, err := Run(t.Context(), o)
			require.NoError(t, err)
			require.EqualValues(t, n.Load(), r.Acknowledged)
			require.Empty(t, r.Failures)
			require.NotZero(t, r.Latency.Max())
		})
	}
}

func TestTheLoopWritesMoreThanAConnectionTakesAtOnce(t *testing.T) {
	o := served(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if n != 8<<20 {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	o.Connections, o.Duration = 1, time.Minute
	o.Source = func(int) Source { return &large{} }
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, r.Failures)
	require.EqualValues(t, 3, r.Requests)
}

// large is a source of three requests of 8 MiB.
type large struct{ n int }

func (s *large) Next() []byte {
	if s.n++; s.n > 3 {
		return nil
	}
	return append([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n"), make([]byte, 8<<20)...)
}

func (s *large) Check(int, []byte) error { return nil }

// What fails is done by a goroutine, and the connection comes back to the loop.
func TestTheLoopGoesOnAfterFailures(t *testing.T) {
	var requests atomic.Int64
	o := served(t, func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		if n%20 == 10 {
			w.Header().Set("Connection", "close") // which is no failure
		}
		if n%20 != 0 {
			return
		}
		switch n / 20 % 3 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"too_busy"}`)
		case 1:
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"too_busy"}`)
		case 2:
			panic(http.ErrAbortHandler) // closes the connection without an answer
		}
	})
	o.Repeatable, o.Duration = true, time.Minute
	o.Source = func(int) Source { return &counting{last: 40} }
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.EqualValues(t, 5*40, r.Requests)
	require.EqualValues(t, requests.Load(), r.Requests+r.Retried, "each is sent until it is answered")
	require.EqualValues(t, 10, r.Failures["too_busy"]+r.Failures[FailedConnection])
	require.NotZero(t, r.Failures["too_busy"])
	require.NotZero(t, r.Failures[FailedConnection])
	require.Zero(t, r.Unknown)
}

func TestTheLoopGivesUpWhatIsOverdue(t *testing.T) {
	hang := make(chan struct{})
	var n atomic.Int64
	o := served(t, func(http.ResponseWriter, *http.Request) {
		if n.Add(1) == 3 {
			<-hang
		}
	})
	t.Cleanup(func() { close(hang) })
	o.Timeout, o.Duration = time.Second, time.Minute
	o.Source = func(int) Source { return &counting{last: 10} }
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Failures[FailedTimeout])
	require.EqualValues(t, 1, r.Unknown)
}

func TestTheLoopEndsWithItsContext(t *testing.T) {
	hang := make(chan struct{})
	o := served(t, func(http.ResponseWriter, *http.Request) { <-hang })
	t.Cleanup(func() { close(hang) })
	o.Duration = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// What the generator costs a request, against a server that does nothing (and shares the
// processor time that is shown).
func BenchmarkLoop(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer l.Close()
	go answerAll(l)
	total := 0
	b.ReportAllocs()
	o := Options{
		Dial: func(ctx context.Context, _ int) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		},
		Source: func(int) Source {
			return &limited{n: &total, last: b.N, request: []byte("POST / HTTP/1.1\r\nHost: x\r\n\r\n")}
		},
		Connections: 64, Duration: time.Hour, Interval: time.Second, Timeout: time.Minute, Units: 1,
	}
	_, err = Run(b.Context(), o)
	require.NoError(b, err)
}

// limited is a source of so many requests on all connections.
type limited struct {
	n       *int
	last    int
	request []byte
}

func (s *limited) Next() []byte {
	if *s.n++; *s.n > s.last {
		return nil
	}
	return s.request
}

func (s *limited) Check(int, []byte) error { return nil }

// answerAll answers whatever comes in one piece.
func answerAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			buf := make([]byte, 1024)
			for {
				if _, err := conn.Read(buf); err != nil {
					return
				}
				if _, err := io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"); err != nil {
					return
				}
			}
		}()
	}
}
