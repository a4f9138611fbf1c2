package api

import (
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// work is the memory of one request. It goes back to the pool, so nothing may
// keep a part of it.
type work struct {
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
type workPool struct{ pool sync.Pool }

func (p *workPool) get() *work {
	if w, ok := p.pool.Get().(*work); ok {
		w.in, w.out = w.in[:0], w.out[:0]
		return w
	}
	return &work{in: make([]byte, 0, 1<<10), out: make([]byte, 0, 1<<10)}
}

// put drops buffers that one large request has grown.
func (p *workPool) put(w *work) {
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

// send writes a whole answer. net/http finds the length of a short one by
// itself; a long one is sent in chunks, each with its deadline.
func (s *server) send(c *gin.Context, status int, body []byte) {
	if len(body) >= 2<<10 {
		c.Writer.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	c.Writer.WriteHeader(status)
	// A client that has gone needs no answer.
	if len(body) <= chunk {
		_, _ = c.Writer.Write(body)
		return
	}
	st := s.newStream(c, nil)
	if st.send(body) == nil {
		_ = st.finish()
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
	}
	return fill(w, body, int(max(length, 0)))
}
