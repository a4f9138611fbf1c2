package api

import (
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/protocol"
)

const headerType = "Content-Type"

// enter is around every request: it names it, and turns a panic into a
// problem.
func (s *server) enter(c *gin.Context) {
	id := s.requests.of(c.Request.Header[protocol.RequestID])
	c.Writer.Header()[protocol.RequestID] = []string{id}
	defer s.leave(c, id, time.Now())
	if err := s.checkQuery(c); err != nil {
		c.Abort()
		s.fail(c, err)
		return
	}
	c.Next()
}

// leave must be deferred itself, or recover would not see the panic.
func (s *server) leave(c *gin.Context, id string, start time.Time) {
	if cause := recover(); cause != nil {
		s.panicked(c, id, cause)
	}
	if s.cfg.Logger.Enabled(c.Request.Context(), slog.LevelDebug) {
		s.cfg.Logger.LogAttrs(c.Request.Context(), slog.LevelDebug, "request",
			slog.String("method", c.Request.Method), slog.String("path", intake.Echo(c.Request.URL.Path)),
			slog.Int("status", c.Writer.Status()), slog.Duration("took", time.Since(start)),
			slog.String("request_id", id))
	}
}

// panicked answers a request whose handler panicked. ErrAbortHandler is the
// way to cut a connection and goes on to net/http.
func (s *server) panicked(c *gin.Context, id string, cause any) {
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	s.cfg.Logger.Error("a handler panicked", "panic", cause, "request_id", id,
		"path", intake.Echo(c.Request.URL.Path), "stack", string(debug.Stack()))
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	c.Abort()
	s.fail(c, ErrInternal)
}

// requestIDs names requests: a random prefix for each start of the process and
// a count.
type requestIDs struct {
	prefix string
	count  *atomic.Uint64
}

func newRequestIDs(random io.Reader) (requestIDs, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(random, prefix[:]); err != nil {
		return requestIDs{}, err
	}
	return requestIDs{prefix: hex.EncodeToString(prefix[:]) + "-", count: new(atomic.Uint64)}, nil
}

// of returns the id the client gave if it is fit for a log, else a new one.
func (r requestIDs) of(given []string) string {
	if len(given) == 1 && validRequestID(given[0]) {
		return given[0]
	}
	var buf [32]byte
	return string(strconv.AppendUint(append(buf[:0], r.prefix...), r.count.Add(1), 10))
}

func validRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}

// throttle lets one message a second through, because a cluster without a
// leader refuses ten thousand requests a second.
type throttle struct {
	last       atomic.Int64 // unix nanoseconds
	suppressed atomic.Uint64
}

// allow tells whether to log now, and how many times it said no before.
func (t *throttle) allow() (ok bool, suppressed uint64) {
	last, now := t.last.Load(), time.Now().UnixNano()
	if now-last < int64(time.Second) || !t.last.CompareAndSwap(last, now) {
		t.suppressed.Add(1)
		return false, 0
	}
	return true, t.suppressed.Swap(0)
}
