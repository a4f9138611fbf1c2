package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/intake"
)

// answers is the memory that large answers may use, all together. A client that
// does not read makes an answer stay, so there is a bound to all and not only to
// each.
type answers struct {
	bytes   *semaphore.Weighted
	reading *semaphore.Weighted // readers that have no room for what they read yet
}

func newAnswers() answers {
	return answers{bytes: semaphore.NewWeighted(maxAnswerBytes), reading: semaphore.NewWeighted(maxReading)}
}

// errNoRoom is what a client is told for whose answer there is no memory.
var errNoRoom = fmt.Errorf("%w: large answers that others do not read fill the memory", ErrTooManyClients)

// hold keeps room for what read returns, until release. So little is read before
// there is room for it that it does not count.
func (a *answers) hold(ctx context.Context, patience time.Duration, read func() (size int, err error)) (release func(), err error) {
	if err := acquire(ctx, patience, a.reading, 1); err != nil {
		return nil, err
	}
	defer a.reading.Release(1)
	size, err := read()
	if err != nil {
		return nil, err
	}
	return a.room(ctx, patience, size)
}

// room waits for room, until release.
func (a *answers) room(ctx context.Context, patience time.Duration, size int) (release func(), err error) {
	n := int64(min(size, maxAnswerBytes))
	return func() { a.bytes.Release(n) }, acquire(ctx, patience, a.bytes, n)
}

func acquire(ctx context.Context, patience time.Duration, of *semaphore.Weighted, n int64) error {
	if of.TryAcquire(n) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if of.Acquire(ctx, n) != nil {
		return errNoRoom
	}
	return nil
}

// try keeps room for an answer that has been made.
func (a *answers) try(size int) (release func(), ok bool) {
	n := int64(min(size, maxAnswerBytes))
	if size <= smallAnswer {
		return func() {}, true
	}
	return func() { a.bytes.Release(n) }, a.bytes.TryAcquire(n)
}

// work is the memory of one request. It goes back to the pool, so nothing may
// keep a part of it.
type work struct {
	pool     *workPool
	reserved int // bytes of what requests may use

	read intake.Reader
	in   []byte         // the body
	out  []byte         // the answer
	scan pyjson.Scanner // of blocks
}

// workPool hands out work with empty buffers.
type workPool struct {
	pool   sync.Pool
	bodies *semaphore.Weighted // bytes that requests may use
}

func newWorkPool() workPool { return workPool{bodies: semaphore.NewWeighted(maxBodyBytes)} }

func (p *workPool) get() *work {
	if w, ok := p.pool.Get().(*work); ok {
		w.in, w.out = w.in[:0], w.out[:0]
		return w
	}
	return &work{pool: p, in: make([]byte, 0, 1<<10), out: make([]byte, 0, 1<<10)}
}

// put drops buffers that one large request has grown.
func (p *workPool) put(w *work) {
	p.bodies.Release(int64(w.reserved))
	w.reserved = 0
	w.read.Trim()
	if cap(w.in) <= maxPooled && cap(w.out) <= maxPooled {
		p.pool.Put(w)
	}
}

// reserve is called before w.in or w.out grow by n bytes, on behalf of a client.
// What it takes goes back with w.
func (w *work) reserve(n int) error {
	if !w.pool.bodies.TryAcquire(int64(n)) {
		return fmt.Errorf("%w: the requests of others fill the memory", ErrTooManyClients)
	}
	w.reserved += n
	return nil
}

// Values of headers, shared by all answers and never changed.
var (
	typeJSON    = []string{"application/json"}
	typeNDJSON  = []string{"application/x-ndjson"}
	typeProblem = []string{"application/problem+json"}
	typeText    = []string{"text/plain; charset=utf-8"}
	replayed    = []string{"true"}
	inASecond   = []string{"1"} // Retry-After
)

// sendJSON answers with a JSON text.
func (s *server) sendJSON(c *gin.Context, status int, body []byte) {
	c.Writer.Header()[headerType] = typeJSON
	s.send(c, status, body)
}

// send writes a whole answer. Where there is no memory for one of those that can
// be asked for again, its client is told so; of a write that took effect it must
// be told.
func (s *server) send(c *gin.Context, status int, body []byte) {
	release, ok := s.answers.try(len(body))
	switch {
	case ok:
		defer release()
	case c.Request.Method == http.MethodGet:
		s.fail(c, errNoRoom)
		return
	}
	sendAll(c, status, body)
}

// sendAll writes an answer whose memory is counted. net/http finds the length of
// a short one by itself.
func sendAll(c *gin.Context, status int, body []byte) {
	if len(body) >= 2<<10 {
		c.Writer.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(body) // a client that has gone needs no answer
}
