package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/api/stream"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/webserver"
)

// headerLastEvent names the last event that a reader got.
const headerLastEvent = "Last-Event-Id"

// events is one reader of GET /v1/events. It keeps no queue: it reads from the
// chain where the reader stands, so nothing is ever dropped, and one that is
// slow is cut off and goes on where it was.
//
// The goroutine of the request owns it. Two others act on it, and both only by
// ending a context that it waits with: the server when it drains, and gone when
// the client ends its connection or half of it.
type events struct {
	read            BlockReader
	w               http.ResponseWriter
	pool            *workPool
	answers         *admission.Memory
	turn            func() error // waits until a guest may be sent more; nil for others
	keepAlive       time.Duration
	token           string
	chainID         chain.Hash
	records, blocks bool         // what is wanted
	at              cursor.Place // of what comes next
	out             []byte       // what is not written yet, in a buffer of the pool while there are blocks to send
	unsent          bool         // something is in out, or in the server's own buffers
	due             time.Time    // when something has to be sent at the latest

	gone    context.Context // ends when the client says no more
	suspect bool            // it has ended: the client may still read all the same
}

// getEvents is GET /v1/events: for each block a server-sent event of each of its
// records, then one of the block. It begins after the event of Last-Event-ID,
// with block ?from=, or with the next block there will be.
func (s *server) getEvents(c *gin.Context) error {
	e, err := s.newEvents(c)
	if err != nil {
		return err
	}
	leave, ok := enterShared(c, s.listening)
	if !ok {
		return problem.TooManyClients
	}
	defer leave()
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer webserver.UntilDraining(ctx, cancel)()
	e.gone = webserver.Gone(ctx)
	if edge.VisitOf(c).IsGuest() {
		e.turn = func() error { return s.awaitTurn(ctx) }
	}
	if c.Request.Body == http.NoBody {
		// The request is here; its deadline would only say that the client had gone.
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
	}
	header := c.Writer.Header()
	header[headerType] = []string{"text/event-stream"}
	httpcache.Revalidate(header)
	header["X-Accel-Buffering"] = []string{"no"} // nginx would hold events back
	if headOnly(c) {
		return nil
	}
	c.Writer.WriteHeader(http.StatusOK)
	if err = e.sendLine("retry: 1000\n\n"); err == nil {
		err = e.run(ctx)
	}
	if ctx.Err() != nil {
		return nil // the reader has gone, or this server is about to
	}
	return err
}

func (s *server) newEvents(c *gin.Context) (*events, error) {
	e := &events{read: s.read, w: c.Writer, pool: &s.pool, answers: s.answersFor(c), keepAlive: s.cfg.KeepAlive, records: true, blocks: true}
	switch query.Text(c, "only") {
	case "":
	case "blocks":
		e.records = false
	case "records":
		e.blocks = false
	default:
		return nil, intake.WrongKind("only", "blocks or records")
	}
	from, err := query.Uint(c, "from", 0, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return nil, err
	}
	e.token, e.chainID = contract.Token, contract.ID
	if e.at, err = cursor.LastEvent(c.Request.Header[headerLastEvent], e.chainID); err != nil {
		return nil, err
	}
	if e.at.Block == 0 {
		e.at.Block = from
	}
	if e.at.Block == 0 {
		info, err := s.read.Contract(e.token)
		e.at.Block = info.Length + 1
		return e, err
	}
	return e, s.awaitPlace(c, e.token, e.at)
}

// awaitPlace makes sure that the place is one of the chain's, or what comes next:
// a reader that stands beyond it would be told nothing for as long as the chain
// does not get there, and is told that instead. Another replica may be a little
// ahead, so this one is given the time of a read to get there.
func (s *server) awaitPlace(c *gin.Context, token string, at cursor.Place) error {
	last := at.Block
	if at.Position == 0 {
		last-- // the block itself may be the next
	}
	if last == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	err := s.read.WaitBlock(ctx, token, last)
	if errors.Is(err, context.DeadlineExceeded) {
		return problem.WithDetail(problem.Behind, fmt.Sprintf("There is no block %d here yet, and the events that are asked for come after it", last))
	}
	if err != nil || at.Position == 0 {
		return err
	}
	canonical, _, err := s.read.Block(token, at.Block)
	if err != nil {
		return err
	}
	if count, err := countRecords(canonical); err != nil || at.Position > count {
		return errors.Join(err, fmt.Errorf("%w: block %d has no record %d", chain.InvalidField, at.Block, at.Position-1))
	}
	return nil
}

// countRecords counts the records of a block.
func countRecords(canonical []byte) (count int, err error) {
	s := pyjson.NewScanner(canonical)
	err = s.Object(func(key string) error {
		if key != "transactions" {
			return nil
		}
		return s.Array(func(int) error {
			count++
			return nil
		})
	})
	return count, err
}

func (e *events) run(ctx context.Context) error {
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
func (e *events) await(ctx context.Context) error {
	for {
		quiet, cancel := context.WithDeadline(ctx, e.due)
		connected := func() bool { return true }
		if !e.suspect {
			connected = context.AfterFunc(e.gone, cancel)
		}
		err := e.read.WaitBlock(quiet, e.token, e.at.Block)
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
func (e *events) catchUp(ctx context.Context) error {
	w := e.pool.get()
	e.out = w.out
	defer func() {
		w.out, e.out = e.out, nil
		e.pool.put(w)
	}()
	for ctx.Err() == nil {
		err := e.sendNext(ctx, &w.scan)
		if errors.Is(err, chain.NotFound) {
			return e.push()
		}
		if err == nil && time.Now().After(e.due) { // nothing wanted in a long stretch
			err = e.sendLine(keepAliveLine)
		}
		if err != nil {
			return err
		}
		e.at = cursor.Place{Block: e.at.Block + 1}
	}
	return ctx.Err()
}

// sendNext sends the events of the next block, and holds it no longer than that.
func (e *events) sendNext(ctx context.Context, s *pyjson.Scanner) error {
	var canonical []byte
	var hash chain.Hash
	release, err := e.answers.Hold(ctx, admission.NextPatience, func() (_ int, err error) {
		canonical, hash, err = e.read.Block(e.token, e.at.Block)
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
func (e *events) sendBlock(s *pyjson.Scanner, canonical []byte, hash chain.Hash) error {
	head := appendUint([]byte{'{'}, "index", e.at.Block)
	head = appendHash(head, "hash", hash)
	head = appendText(head, "contract", e.token)
	*s = *pyjson.NewScanner(canonical)
	err := s.Object(func(key string) error {
		switch key {
		case "previous_hash", "timestamp", "totals", "transactions_root", "trigger":
			value, err := s.Raw()
			head = appendRaw(head, key, value)
			return err
		case "transactions":
			count, err := e.sendRecords(s)
			head = appendUint(head, key, count)
			return err
		}
		return nil
	})
	if err != nil || !e.blocks {
		return err
	}
	e.begin("block", cursor.WholeBlock)
	return e.end(append(e.out, head...))
}

// sendRecords sends the records of a block that the reader has not got, and
// counts all.
func (e *events) sendRecords(s *pyjson.Scanner) (count uint64, err error) {
	err = s.Array(func(i int) error {
		count++
		if !e.records || i < e.at.Position {
			return nil
		}
		record, err := s.Raw()
		if err != nil {
			return err
		}
		e.begin("record", i)
		out := appendUint(append(e.out, '{'), "block", e.at.Block)
		out = appendUint(out, "position", uint64(i))
		return e.end(appendRaw(out, "record", record))
	})
	return count, err
}

// begin writes an event of a record, or of the whole block, up to its data.
func (e *events) begin(kind string, position int) {
	e.out = append(append(append(e.out, "event: "...), kind...), "\nid: "...)
	e.out = append(cursor.AppendEvent(e.out, e.chainID, e.at.Block, position), "\ndata: "...)
}

// end takes what out has become, whose data is an object without its end, and
// sends what has become a chunk. There are no line breaks in data, as in no
// canonical text.
func (e *events) end(out []byte) error {
	e.out, e.unsent = append(out, "}\n\n"...), true
	if len(e.out) < stream.Chunk {
		return nil
	}
	return e.write()
}

func (e *events) write() error {
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
func (e *events) sendLine(line string) error {
	e.out, e.unsent = append(e.out, line...), true
	return e.push()
}

// push sends what there is.
func (e *events) push() error {
	if !e.unsent {
		return nil
	}
	e.unsent, e.due = false, time.Now().Add(e.keepAlive)
	if err := e.write(); err != nil {
		return err
	}
	return http.NewResponseController(e.w).Flush()
}

// awaitTurn waits until it is a guest's turn to be sent a piece: who reads nothing costs
// as much to write for as who does, until the kernel takes no more for them.
func (s *server) awaitTurn(ctx context.Context) error {
	turn := time.NewTimer(s.forGuests.Charge(struct{}{}, 1, time.Now()))
	defer turn.Stop()
	select {
	case <-turn.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
