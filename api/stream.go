package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// stream writes an answer of any length in chunks. It holds one chunk whatever
// the length, and a client that takes too long over one is cut off.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte // what is not written yet
	timeout time.Duration
	begun   bool
}

// stream begins a stream into w.out.
func (s *server) stream(c *gin.Context, w *work) *stream {
	w.out = slices.Grow(w.out[:0], chunk)
	return s.newStream(c, w.out)
}

func (s *server) newStream(c *gin.Context, buf []byte) *stream {
	st := &stream{w: c.Writer, buf: buf, timeout: s.cfg.ChunkTimeout,
		control: http.NewResponseController(c.Writer)}
	// The read deadline is for the request, which has been read; it would end
	// a long answer. Where the writer knows no deadlines there is none.
	_ = st.control.SetReadDeadline(time.Time{})
	return st
}

// write takes p, and sends what has become a chunk.
func (st *stream) write(p []byte) error {
	if len(st.buf)+len(p) > chunk {
		if err := st.flush(); err != nil {
			return err
		}
		if len(p) >= chunk {
			return st.send(p)
		}
	}
	st.buf = append(st.buf, p...)
	return nil
}

func (st *stream) writeString(text string) error {
	if len(st.buf)+len(text) > chunk {
		if err := st.flush(); err != nil {
			return err
		}
	}
	st.buf = append(st.buf, text...)
	return nil
}

func (st *stream) flush() error {
	err := st.send(st.buf)
	st.buf = st.buf[:0]
	return err
}

// send writes p in chunks, each of which has its time.
func (st *stream) send(p []byte) error {
	for piece := range slices.Chunk(p, chunk) {
		st.begun = true
		_ = st.control.SetWriteDeadline(time.Now().Add(st.timeout))
		if _, err := st.w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// close sends the rest.
func (st *stream) close() error {
	if !st.begun {
		st.w.Header()["Content-Length"] = []string{strconv.Itoa(len(st.buf))}
	}
	if err := st.flush(); err != nil {
		return err
	}
	return st.finish()
}

// finish takes the deadline off again once all is out: it must not outlive the
// answer, for the connection serves other requests.
func (st *stream) finish() error {
	if err := st.control.Flush(); err != nil {
		return err
	}
	_ = st.control.SetWriteDeadline(time.Time{})
	return nil
}
