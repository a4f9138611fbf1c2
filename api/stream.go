package api

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"
)

// stream writes an answer of any length in chunks. It holds one chunk whatever
// the length; the server cuts a client off that takes too long over one.
type stream struct {
	w     http.ResponseWriter
	buf   []byte // what is not written yet
	begun bool
	end   func() // gives back what the stream takes
}

// stream begins a stream into w.out. It takes a place among the answers that may
// take long, and room for its chunk, until its end is called.
func (s *server) stream(c *gin.Context, w *work) (*stream, error) {
	leave, ok := enter(s.reading)
	if !ok {
		return nil, ErrTooManyClients
	}
	release, err := s.answers.room(c.Request.Context(), firstPatience, chunk)
	if err != nil {
		leave()
		return nil, err
	}
	w.out = slices.Grow(w.out[:0], chunk)
	return &stream{w: c.Writer, buf: w.out, end: func() { release(); leave() }}, nil
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

func (st *stream) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	st.begun = true
	_, err := st.w.Write(p)
	return err
}

// close sends the rest.
func (st *stream) close() error {
	if !st.begun {
		st.w.Header()["Content-Length"] = []string{strconv.Itoa(len(st.buf))}
	}
	return st.flush()
}

// push sends the rest, and what lies in the server's own buffers.
func (st *stream) push() error {
	if err := st.flush(); err != nil {
		return err
	}
	return http.NewResponseController(st.w).Flush()
}
