package api

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// span is the part of a chain a request asks for: from is 1 and limit 0, which
// is all, where it says nothing.
type span struct{ from, limit uint64 }

func querySpan(c *gin.Context, most uint64) (sp span, err error) {
	if sp.from, err = queryUint(c, "from", 1, math.MaxInt64); err != nil {
		return sp, err
	}
	sp.limit, err = queryUint(c, "limit", 0, most)
	return sp, err
}

// source yields blocks as Reader.Blocks does.
type source func(from, limit uint64, yield func(index uint64, canonical []byte) error) error

// blocksOf is a chain as it stands in info.
func (s *server) blocksOf(info *chain.Info) source {
	token := info.Contract.Token
	return func(from, limit uint64, yield func(uint64, []byte) error) error {
		return s.read.Blocks(token, from, limit, yield)
	}
}

// each yields the part of a chain of that length and no block beyond: an answer
// holds what its length and its tag say, though the chain grows meanwhile. One run
// of blocks is held at a time.
func (s *server) each(c *gin.Context, sp span, length uint64, blocks source, yield func(index uint64, canonical []byte) error) error {
	end := length + 1
	if sp.limit > 0 && sp.from < end {
		end = min(end, sp.from+min(sp.limit, length))
	}
	r := run{source: blocks, next: sp.from, blocks: make([][]byte, 0, min(runBlocks, end-min(sp.from, end)))}
	for patience := firstPatience; r.next < end; patience = nextPatience {
		release, err := s.answers.hold(c.Request.Context(), patience, func() (int, error) { return r.read(end) })
		if err != nil {
			return err
		}
		err = r.yield(yield)
		release()
		if err != nil {
			return err
		}
	}
	return nil
}

// run is some blocks of a chain, one after the other: as many as are read at a
// time.
type run struct {
	source source
	next   uint64 // the block that is read next
	blocks [][]byte
	broken error // why there are no more
}

var errRunFull = errors.New("the run is full")

// read reads the next run, of which there may be the beginning before an error.
func (r *run) read(end uint64) (size int, err error) {
	err = r.source(r.next, min(runBlocks, end-r.next), func(_ uint64, canonical []byte) error {
		r.blocks = append(r.blocks, canonical)
		if size += len(canonical); size >= runBytes {
			return errRunFull
		}
		return nil
	})
	switch {
	case errors.Is(err, errRunFull):
		err = nil
	case err == nil && len(r.blocks) == 0:
		err = chain.NotFound
	}
	if len(r.blocks) == 0 {
		return 0, err
	}
	r.broken = err
	return size, nil
}

// yield passes the run on and lets go of it.
func (r *run) yield(yield func(index uint64, canonical []byte) error) error {
	defer func() {
		clear(r.blocks)
		r.blocks = r.blocks[:0]
	}()
	for _, canonical := range r.blocks {
		if err := yield(r.next, canonical); err != nil {
			return err
		}
		r.next++
	}
	return r.broken
}

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

// sendChain streams the blocks after opening, and the length.
func (s *server) sendChain(c *gin.Context, opening string, sp span, length uint64, blocks source) error {
	c.Writer.Header()[headerType] = typeJSON
	if headOnly(c) {
		return nil
	}
	w := s.pool.get()
	defer s.pool.put(w)
	st, err := s.stream(c, w)
	if err != nil {
		return err
	}
	defer st.end()
	if err := st.writeString(opening); err != nil {
		return err
	}
	err = s.each(c, sp, length, blocks, func(index uint64, canonical []byte) error {
		if index > sp.from {
			if err := st.writeString(", "); err != nil {
				return err
			}
		}
		return st.write(canonical)
	})
	if err != nil {
		return err
	}
	if err := st.writeString(`], "length": ` + strconv.FormatUint(length, 10) + "}\n"); err != nil {
		return err
	}
	return st.close()
}

// headOnly answers HEAD: what would be streamed is not read from the disk for
// nobody.
func headOnly(c *gin.Context) bool {
	if c.Request.Method != http.MethodHead {
		return false
	}
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return true
}

// sendLines streams one block a line: what a program can read without holding
// more than a block. A client that waited for the answer gets it whatever it
// has.
func (s *server) sendLines(c *gin.Context, sp span, info *chain.Info, waited bool) error {
	if done, err := s.keepLines(c, sp, info, waited); done || err != nil {
		return err
	}
	c.Writer.Header()[headerType] = typeNDJSON
	if headOnly(c) {
		return nil
	}
	w := s.pool.get()
	defer s.pool.put(w)
	st, err := s.stream(c, w)
	if err != nil {
		return err
	}
	defer st.end()
	err = s.each(c, sp, info.Length, s.blocksOf(info), func(_ uint64, canonical []byte) error {
		if err := st.write(canonical); err != nil {
			return err
		}
		return st.writeString("\n")
	})
	if err != nil {
		return err
	}
	return st.close()
}

// keepLines says how long the lines may be kept, and how long the chain is where
// that may be said: a sealed answer is the same however the chain grows. done
// means that the client has them already.
func (s *server) keepLines(c *gin.Context, sp span, info *chain.Info, waited bool) (done bool, err error) {
	if sp.sealed(info.Length) {
		tag, err := s.sealedTag(info, sp, formLines)
		return err == nil && keptForEver(c, tag), err
	}
	header := c.Writer.Header()
	header[headerLength] = []string{strconv.FormatUint(info.Length, 10)}
	if waited {
		header[headerCache] = noStore
		return false, nil
	}
	return kept(c, sp.tag(info.Tip, formLines), revalidate), nil
}

// sendPage streams a page of blocks, with next when there are more.
func (s *server) sendPage(c *gin.Context, sp span, info *chain.Info) error {
	c.Writer.Header()[headerType] = typeJSON
	if headOnly(c) {
		return nil
	}
	w := s.pool.get()
	defer s.pool.put(w)
	st, err := s.stream(c, w)
	if err != nil {
		return err
	}
	defer st.end()
	if err := st.writeString(`{"items":[`); err != nil {
		return err
	}
	err = s.each(c, sp, info.Length, s.blocksOf(info), func(index uint64, canonical []byte) error {
		if index > sp.from {
			if err := st.writeString(","); err != nil {
				return err
			}
		}
		return st.write(canonical)
	})
	if err != nil {
		return err
	}
	end := "]}\n"
	if next := sp.from + sp.limit; next <= info.Length {
		end = `],"next":` + strconv.FormatUint(next, 10) + "}\n"
	}
	if err := st.writeString(end); err != nil {
		return err
	}
	return st.close()
}
