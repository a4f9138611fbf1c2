package api

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
	"github.com/bpsc/bpsc/internal/webserver"
)

// enter is around every request: it names it, says whose it is and whether it is to
// be dealt with, and turns a panic into a problem.
func (s *server) enter(c *gin.Context) {
	id := s.requests.Of(c.Request.Header[protocol.RequestID])
	c.Writer.Header()[protocol.RequestID] = []string{id}
	edge.Harden(c.Writer.Header(), c.Request)
	s.shared.Allow(c.Writer.Header(), c.Request, c.FullPath()) // before all else: a page is told as well why it has no answer
	refused := s.identify(c)
	v := s.edge.Visit(c.Request.RemoteAddr, tokenOf(access.From(c.Request.Context())))
	if v.Token != "" {
		webserver.Known(c.Request.Context())
	}
	defer s.leave(c, &v, id, time.Now())
	if err := s.admit(c, &v, refused); err != nil {
		c.Abort()
		s.fail(c, err)
		return
	}
	c.Next()
}

// leave must be deferred itself, or recover would not see the panic.
func (s *server) leave(c *gin.Context, v *edge.Visit, id string, start time.Time) {
	defer s.measure(c, start) // also where the connection is to be cut
	v.Leave()
	if cause := recover(); cause != nil {
		s.panicked(c, cause)
	}
	if !v.Local() {
		s.audit.Note(c.Request.Context(), v, edge.Answered{RequestID: id, Trace: protocol.Trace(c.Request.Header),
			Method: c.Request.Method, Route: cmp.Or(c.FullPath(), "none"), Status: c.Writer.Status(), Bytes: c.Writer.Size(), Took: time.Since(start)})
	} else if s.cfg.Logger.Enabled(c.Request.Context(), slog.LevelDebug) {
		s.named(c).LogAttrs(c.Request.Context(), slog.LevelDebug, "request",
			slog.String("method", c.Request.Method), slog.String("path", intake.Echo(c.Request.URL.Path)),
			slog.Int("status", c.Writer.Status()), slog.Duration("took", time.Since(start)))
	}
}

// admit says why a request is not to be dealt with, before its body is read. refused is
// what is known already. It counts first: what is refused for its form comes no more
// often than anything else.
func (s *server) admit(c *gin.Context, v *edge.Visit, refused error) error {
	r := c.Request
	v.Keep(c, r)
	if !probe(r) {
		if err := v.Enter(r.Context(), r.ContentLength); err != nil {
			return tooBusy(err)
		}
	}
	if refused != nil {
		return refused
	}
	if v.Token == "" && webserver.OnSpare(r.Context()) && !vital(r) {
		return problem.TooManyClients
	}
	if err := edge.CheckShape(r); err != nil {
		return err
	}
	if err := s.guard.Named(r); err != nil {
		return err
	}
	return s.queryNames.Check(r, c.FullPath())
}

// tooBusy is err with a code.
func tooBusy(err error) error {
	if errors.Is(err, edge.ErrBusy) {
		return fmt.Errorf("%w: %w", problem.TooManyClients, err)
	}
	return err
}

// tokenOf is what the token is called by which somebody is known, "" where none is: a
// follower does not know the cluster's.
func tokenOf(who access.Who) string {
	switch {
	case who.Refused != nil:
		return ""
	case who.Kind == access.Token:
		return who.ID
	case who.Kind == access.Root:
		return string(access.Root)
	}
	return ""
}

func (s *server) measure(c *gin.Context, start time.Time) {
	if s.cfg.Measure != nil {
		s.cfg.Measure(c.FullPath(), c.Request.Method, c.Writer.Status(), time.Since(start))
	}
}

// named is the log for what is about a request: each line has its name, and says to
// which trace it belongs.
func (s *server) named(c *gin.Context) *slog.Logger {
	log := s.cfg.Logger.With("request_id", c.Writer.Header().Get(protocol.RequestID))
	if trace := protocol.Trace(c.Request.Header); trace != "" {
		log = log.With("traceparent", trace)
	}
	return log
}

// panicked answers a request whose handler panicked. ErrAbortHandler is the
// way to cut a connection and goes on to net/http.
func (s *server) panicked(c *gin.Context, cause any) {
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	s.named(c).Error("a handler panicked", "panic", cause,
		"path", intake.Echo(c.Request.URL.Path), "stack", string(debug.Stack()))
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	c.Abort()
	s.fail(c, problem.Internal)
}

// work is the memory of one request. The goroutine that got it owns it until it
// puts it back, and then another request has it: so nothing may keep a part of it,
// and who keeps more than an answer takes (a relay, the queue of writes) gets a
// copy. Only pool is shared, and safe for that.
type work struct {
	pool     *workPool
	bodies   *semaphore.Weighted // bytes that requests of this kind of client may use
	reserved int                 // of them

	read intake.Reader
	in   []byte // the body
	out  []byte // the answer
}

// workPool hands out work with empty buffers.
type workPool struct {
	pool    sync.Pool
	bodies  *semaphore.Weighted // bytes that requests may use
	ofGuest *semaphore.Weighted // and those of guests
}

func newWorkPool() workPool {
	return workPool{bodies: semaphore.NewWeighted(maxBodyBytes), ofGuest: semaphore.NewWeighted(maxBodyBytes / guestShare)}
}

func (p *workPool) get() *work {
	if w, ok := p.pool.Get().(*work); ok {
		w.in, w.out, w.bodies = w.in[:0], w.out[:0], p.bodies
		return w
	}
	return &work{pool: p, bodies: p.bodies, in: make([]byte, 0, 1<<10), out: make([]byte, 0, 1<<10)}
}

// put drops buffers that one large request has grown.
func (p *workPool) put(w *work) {
	w.bodies.Release(int64(w.reserved))
	w.reserved = 0
	w.read.Trim()
	if cap(w.in) <= maxPooled && cap(w.out) <= maxPooled {
		p.pool.Put(w)
	}
}

// reserve is called before w.in or w.out grow by n bytes, on behalf of a client.
// What it takes goes back with w.
func (w *work) reserve(n int) error {
	if !w.bodies.TryAcquire(int64(n)) {
		return fmt.Errorf("%w: the requests of others fill the memory", problem.TooManyClients)
	}
	w.reserved += n
	return nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("%w: at most %d bytes", outcome.BodyTooLarge, limit)
}

// fill reads body to its end into w.in. Memory grows with what comes, whatever
// the client has announced: it doubles, up to size if that is known. More time is
// asked for, and more memory counted, for each bodyStep of it.
func fill(w *work, body io.Reader, size int, more func()) error {
	w.in = w.in[:0]
	for room := smallBody; ; {
		if len(w.in) == room {
			if err := w.reserve(bodyStep); err != nil {
				return err
			}
			room += bodyStep
			more()
		}
		if len(w.in) == cap(w.in) {
			grow := max(len(w.in), smallBody)
			if size >= len(w.in) {
				grow = min(grow, size+1-len(w.in)) // one byte more shows the end
			}
			w.in = slices.Grow(w.in, grow)
		}
		n, err := body.Read(w.in[len(w.in):min(cap(w.in), room)])
		w.in = w.in[:len(w.in)+n]
		var over *http.MaxBytesError
		switch {
		case err == nil:
		case err == io.EOF:
			return nil
		case errors.As(err, &over):
			return tooLarge(over.Limit)
		default:
			return fmt.Errorf("%w: %w", problem.BodyIncomplete, err)
		}
	}
}

// readBody reads the whole body into w.in. A body that says it is too large is
// not read at all.
func readBody(c *gin.Context, w *work, limit int64) error {
	length := c.Request.ContentLength
	if length > limit {
		return tooLarge(limit)
	}
	body := c.Request.Body
	if length < 0 {
		body = http.MaxBytesReader(c.Writer, body, limit)
		defer func() { edge.VisitOf(c).Charge(len(w.in)) }()
	}
	if edge.VisitOf(c).IsGuest() {
		w.bodies = w.pool.ofGuest
	}
	var end time.Time
	err := fill(w, body, int(length), func() {
		now := time.Now()
		if end.IsZero() {
			end = now.Add(bodyTimeout)
		}
		deadline := now.Add(requestTimeout)
		if end.Before(deadline) {
			deadline = end
		}
		// Where the writer knows no deadlines there is none.
		_ = http.NewResponseController(c.Writer).SetReadDeadline(deadline)
	})
	if err != nil {
		return err
	}
	return tooBusy(edge.VisitOf(c).Work(c.Request.Context()))
}
