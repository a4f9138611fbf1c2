// Package events sends what happens to a chain as server-sent events, for each block one of
// each of its records and then one of the block. A reader keeps no queue: it reads from the
// chain where it stands, so nothing is ever dropped, and one that is slow is cut off and
// goes on where it was.
package events

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/stream"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/internal/webserver"
)

// Blocks are those of a node's chains, as the Reader of package api reads them.
type Blocks interface {
	Block(token string, index uint64) (canonical []byte, hash chain.Hash, err error)
	WaitBlock(ctx context.Context, token string, index uint64) error
}

// Asked is what one reader asks for.
type Asked struct {
	Token           string
	Chain           chain.Hash // of that token
	Records, Blocks bool
	At              Place // of what comes first
}

// Sender is what all readers have in common. It is safe for concurrent use.
type Sender struct {
	blocks    Blocks
	keepAlive time.Duration
	buffers   buffers
}

// NewSender sends the events of blocks, and a comment to a reader to whom nothing has
// happened for so long.
func NewSender(blocks Blocks, keepAlive time.Duration) *Sender {
	return &Sender{blocks: blocks, keepAlive: keepAlive}
}

// Send sends events until ctx ends, what is sent cannot be sent, or a block cannot be read.
// A block is in memory while it is sent. turn waits until a reader may be sent more; nil
// is for one that never waits.
func (s *Sender) Send(ctx context.Context, w http.ResponseWriter, asked Asked, memory *admission.Memory, turn func() error) error {
	e := &reader{Sender: s, w: w, memory: memory, turn: turn, keepAlive: s.keepAlive, asked: asked, at: asked.At, gone: webserver.Gone(ctx)}
	if err := e.sendLine("retry: 1000\n\n"); err != nil {
		return err
	}
	return e.run(ctx)
}

// reader is one of them.
//
// The goroutine of the request owns it. Two others act on it, and both only by
// ending a context that it waits with: the server when it drains, and gone when
// the client ends its connection or half of it.
type reader struct {
	*Sender
	w         http.ResponseWriter
	memory    *admission.Memory
	turn      func() error
	keepAlive time.Duration // shorter than that of the others, once it is suspect
	asked     Asked
	at        Place     // of what comes next
	out       []byte    // what is not written yet, in a buffer that others use as well while there are blocks to send
	unsent    bool      // something is in out, or in the server's own buffers
	due       time.Time // when something has to be sent at the latest

	gone    context.Context // ends when the client says no more
	suspect bool            // it has ended: the client may still read all the same
}

func (e *reader) run(ctx context.Context) error {
	for {
		if err := e.await(ctx); err != nil {
			return err
		}
		if err := e.catchUp(ctx); err != nil {
			return err
		}
	}
}

// await waits for the next block. A reader that waits holds no buffer.
func (e *reader) await(ctx context.Context) error {
	for {
		quiet, cancel := context.WithDeadline(ctx, e.due)
		connected := func() bool { return true }
		if !e.suspect {
			connected = context.AfterFunc(e.gone, cancel)
		}
		err := e.blocks.WaitBlock(quiet, e.asked.Token, e.at.Block)
		silent := quiet.Err() != nil
		cancel()
		if !connected() && !e.suspect {
			// Only sending to it shows whether it still reads: to the first line a
			// machine whose client has gone answers with a reset, the next one fails.
			e.suspect, e.keepAlive = true, min(e.keepAlive, suspectKeepAlive)
		}
		if err == nil || ctx.Err() != nil || !silent {
			return err
		}
		if err := e.sendLine(keepAliveLine); err != nil {
			return err
		}
	}
}

// catchUp sends the blocks there are.
func (e *reader) catchUp(ctx context.Context) error {
	b := e.buffers.get()
	e.out = b.out
	defer func() {
		b.out, e.out = e.out, nil
		e.buffers.put(b)
	}()
	for ctx.Err() == nil {
		err := e.sendNext(ctx, &b.scan)
		if errors.Is(err, chain.NotFound) {
			return e.push()
		}
		if err == nil && time.Now().After(e.due) { // nothing wanted in a long stretch
			err = e.sendLine(keepAliveLine)
		}
		if err != nil {
			return err
		}
		e.at = Place{Block: e.at.Block + 1}
	}
	return ctx.Err()
}

// sendNext sends the events of the next block, and holds it no longer than that.
func (e *reader) sendNext(ctx context.Context, s *pyjson.Scanner) error {
	var canonical []byte
	var hash chain.Hash
	release, err := e.memory.Hold(ctx, admission.NextPatience, func() (_ int, err error) {
		canonical, hash, err = e.blocks.Block(e.asked.Token, e.at.Block)
		return len(canonical) + stream.Chunk, err
	})
	if err != nil {
		return err
	}
	defer release()
	return e.sendBlock(s, canonical, hash)
}

// keepAliveLine is a comment, which readers skip.
const keepAliveLine = ": keep-alive\n\n"

// sendBlock sends the events of the block at which the reader stands, from
// there on.
func (e *reader) sendBlock(s *pyjson.Scanner, canonical []byte, hash chain.Hash) error {
	head := jsonobject.AppendUint([]byte{'{'}, "index", e.at.Block)
	head = jsonobject.AppendHash(head, "hash", hash)
	head = jsonobject.AppendText(head, "contract", e.asked.Token)
	*s = *pyjson.NewScanner(canonical)
	err := s.Object(func(key string) error {
		switch key {
		case "previous_hash", "timestamp", "totals", "transactions_root", "trigger":
			value, err := s.Raw()
			head = jsonobject.AppendRaw(head, key, value)
			return err
		case "transactions":
			count, err := e.sendRecords(s)
			head = jsonobject.AppendUint(head, key, count)
			return err
		}
		return nil
	})
	if err != nil || !e.asked.Blocks {
		return err
	}
	e.begin("block", wholeBlock)
	return e.end(append(e.out, head...))
}

// sendRecords sends the records of a block that the reader has not got, and
// counts all.
func (e *reader) sendRecords(s *pyjson.Scanner) (count uint64, err error) {
	err = s.Array(func(i int) error {
		count++
		if !e.asked.Records || i < e.at.Position {
			return nil
		}
		record, err := s.Raw()
		if err != nil {
			return err
		}
		e.begin("record", i)
		out := jsonobject.AppendUint(append(e.out, '{'), "block", e.at.Block)
		out = jsonobject.AppendUint(out, "position", uint64(i))
		return e.end(jsonobject.AppendRaw(out, "record", record))
	})
	return count, err
}

// begin writes an event of a record, or of the whole block, up to its data.
func (e *reader) begin(kind string, position int) {
	e.out = append(append(append(e.out, "event: "...), kind...), "\nid: "...)
	e.out = append(appendEventID(e.out, e.asked.Chain, e.at.Block, position), "\ndata: "...)
}

// end takes what out has become, whose data is an object without its end, and
// sends what has become a chunk. There are no line breaks in data, as in no
// canonical text.
func (e *reader) end(out []byte) error {
	e.out, e.unsent = append(out, "}\n\n"...), true
	if len(e.out) < stream.Chunk {
		return nil
	}
	return e.write()
}

func (e *reader) write() error {
	if e.turn != nil {
		if err := e.turn(); err != nil {
			return err
		}
	}
	_, err := e.w.Write(e.out)
	e.out = e.out[:0]
	return err
}

// sendLine sends a line at once, after what has not been sent yet.
func (e *reader) sendLine(line string) error {
	e.out, e.unsent = append(e.out, line...), true
	return e.push()
}

// push sends what there is.
func (e *reader) push() error {
	if !e.unsent {
		return nil
	}
	e.unsent, e.due = false, time.Now().Add(e.keepAlive)
	if err := e.write(); err != nil {
		return err
	}
	return http.NewResponseController(e.w).Flush()
}
