package events

import (
	"sync"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// buffer is what a reader works with while it has blocks to send.
type buffer struct {
	out  []byte
	scan pyjson.Scanner // of blocks
}

// buffers hands them out with nothing in out.
type buffers struct{ pool sync.Pool }

func (p *buffers) get() *buffer {
	if b, ok := p.pool.Get().(*buffer); ok {
		b.out = b.out[:0]
		return b
	}
	return &buffer{out: make([]byte, 0, 1<<10)}
}

// put drops a buffer that one large record has grown, and the block that was read last.
func (p *buffers) put(b *buffer) {
	b.scan = pyjson.Scanner{}
	if cap(b.out) <= maxKept {
		p.pool.Put(b)
	}
}
