package stream

import (
	"bufio"
	"io"
	"sync"
)

// Chunks hands out writers that send an answer in chunks: they hold one chunk,
// whatever the length of the answer. The server cuts a client off that takes too
// long over one.
type Chunks struct{ pool sync.Pool }

// Get returns a writer to w, which is its caller's until Put.
func (p *Chunks) Get(w io.Writer) *bufio.Writer {
	if out, ok := p.pool.Get().(*bufio.Writer); ok {
		out.Reset(w)
		return out
	}
	return bufio.NewWriterSize(w, Chunk)
}

// Put takes it back, flushed or not.
func (p *Chunks) Put(out *bufio.Writer) {
	out.Reset(nil) // the client's connection is not kept alive
	p.pool.Put(out)
}
