package api

import (
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// work is the memory of one request. It goes back to the pool, so nothing may
// keep a part of it.
type work struct {
	pool     *workPool
	reserved int // bytes of what requests may use

	in     []byte // the body
	out    []byte // the answer
	signed []byte // what the signature of a transaction is over
	scan   pyjson.Scanner
	random [32]byte
	key    [2 * 32]byte // random, as text
}

// draw makes a key for a transaction that came without: the text of 32 random
// bytes, so that a client that is told it can send the transaction again.
func (s *memberServer) draw(w *work) ([]byte, error) {
	if _, err := io.ReadFull(s.cfg.Random, w.random[:]); err != nil {
		return nil, err
	}
	hex.Encode(w.key[:], w.random[:])
	return w.key[:], nil
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
	if cap(w.in) <= maxPooled && cap(w.out) <= maxPooled {
		p.pool.Put(w)
	}
}

// Values of headers, shared by all answers and never changed.
var (
	typeJSON    = []string{"application/json"}
	typeNDJSON  = []string{"application/x-ndjson"}
	typeProblem = []string{"application/problem+json"}
	typeText    = []string{"text/plain; charset=utf-8"}
	replayed    = []string{"true"}
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
	}
	var end time.Time
	return fill(w, body, int(length), func() {
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
}
