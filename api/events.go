package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/webserver"
)

// events is one reader of GET /v1/events. It keeps no queue: it reads from the
// chain where the reader stands, so nothing is ever dropped, and one that is
// slow is cut off and goes on where it was.
type events struct {
	read            BlockReader
	pool            *workPool
	answers         *answers
	keepAlive       time.Duration
	token           string
	chainID         chain.Hash
	records, blocks bool  // what is wanted
	at              place // of what comes next
	st              *stream
	unsent          bool
	speak           time.Time // when something has to be sent at the latest

	gone    context.Context // ends when the client says no more
	doubted bool            // whether it was asked for since
}

// getEvents is GET /v1/events: for each block a server-sent event of each of its
// records, then one of the block. It begins after the event of Last-Event-ID,
// with block ?from=, or with the next block there will be.
func (s *server) getEvents(c *gin.Context) error {
	e, err := s.newEvents(c)
	if err != nil {
		return err
	}
	leave, ok := enter(s.listening)
	if !ok {
		return ErrTooManyClients
	}
	defer leave()
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer webserver.UntilDraining(ctx, cancel)()
	e.gone = webserver.Gone(ctx)
	if c.Request.Body == http.NoBody {
		// The request is here; its deadline would only say that the client had gone.
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
	}
	header := c.Writer.Header()
	header[headerType] = typeEvents
	header[headerCache] = revalidate
	header["X-Accel-Buffering"] = noBuffering
	if headOnly(c) {
		return nil
	}
	c.Writer.WriteHeader(http.StatusOK)
	e.st = &stream{w: c.Writer}
	if err = e.say("retry: 1000\n\n"); err == nil {
		err = e.run(ctx)
	}
	if ctx.Err() != nil {
		return nil // the reader has gone, or this server is about to
	}
	return err
}

func (s *server) newEvents(c *gin.Context) (*events, error) {
	e := &events{read: s.read, pool: &s.pool, answers: &s.answers, keepAlive: s.cfg.KeepAlive, records: true, blocks: true}
	switch queryText(c, "only") {
	case "":
	case "blocks":
		e.records = false
	case "records":
		e.blocks = false
	default:
		return nil, intake.WrongKind("only", "blocks or records")
	}
	from, err := queryUint(c, "from", 0, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return nil, err
	}
	e.token, e.chainID = contract.Token, contract.ID
	if e.at, err = lastEvent(c.Request.Header[headerLastEvent], e.chainID); err != nil {
		return nil, err
	}
	if e.at.block == 0 {
		e.at.block = from
	}
	if e.at.block == 0 {
		info, err := s.read.Contract(e.token)
		e.at.block = info.Length + 1
		return e, err
	}
	return e, s.awaitPlace(c, e.token, e.at)
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
		quiet, cancel := context.WithDeadline(ctx, e.speak)
		listens := func() bool { return true }
		if !e.doubted {
			listens = context.AfterFunc(e.gone, cancel)
		}
		err := e.read.WaitBlock(quiet, e.token, e.at.block)
		silent := quiet.Err() != nil
		cancel()
		if !listens() && !e.doubted {
			// Only sending to it shows whether it still listens: the first line
			// makes a machine say so whose client has gone, the next one fails.
			e.doubted, e.keepAlive = true, min(e.keepAlive, doubtfulKeepAlive)
		}
		if err == nil || ctx.Err() != nil || !silent {
			return err
		}
		if err := e.say(": keep-alive\n\n"); err != nil {
			return err
		}
	}
}

// catchUp sends the blocks there are.
func (e *events) catchUp(ctx context.Context) error {
	w := e.pool.get()
	e.st.buf = w.out
	defer func() {
		w.out, e.st.buf = e.st.buf, nil
		e.pool.put(w)
	}()
	for ctx.Err() == nil {
		err := e.sendNext(ctx, &w.scan)
		if errors.Is(err, chain.NotFound) {
			return e.push()
		}
		if err == nil && time.Now().After(e.speak) { // nothing wanted in a long stretch
			err = e.say(": keep-alive\n\n")
		}
		if err != nil {
			return err
		}
		e.at = place{block: e.at.block + 1}
	}
	return ctx.Err()
}

// sendNext sends the events of the next block, and holds it no longer than that.
func (e *events) sendNext(ctx context.Context, s *pyjson.Scanner) error {
	var canonical []byte
	var hash chain.Hash
	release, err := e.answers.hold(ctx, nextPatience, func() (_ int, err error) {
		canonical, hash, err = e.read.Block(e.token, e.at.block)
		return len(canonical) + chunk, err
	})
	if err != nil {
		return err
	}
	defer release()
	return e.sendBlock(s, canonical, hash)
}

// Parts of events, never changed.
var (
	typeEvents  = []string{"text/event-stream"}
	noBuffering = []string{"no"} // nginx would hold events back
	endOfEvent  = []byte("\n\n")
)

// sendBlock sends the events of the block at which the reader stands, from
// there on.
func (e *events) sendBlock(s *pyjson.Scanner, canonical []byte, hash chain.Hash) error {
	head := appendUint([]byte{'{'}, "index", e.at.block)
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
	return e.send("block", wholeBlock, append(head, '}'))
}

// sendRecords sends the records of a block that the reader has not got, and
// counts all.
func (e *events) sendRecords(s *pyjson.Scanner) (count uint64, err error) {
	var data []byte
	err = s.Array(func(i int) error {
		count++
		if !e.records || i < e.at.position {
			return nil
		}
		record, err := s.Raw()
		if err != nil {
			return err
		}
		data = appendUint(append(data[:0], '{'), "block", e.at.block)
		data = appendUint(data, "position", uint64(i))
		data = append(appendRaw(data, "record", record), '}')
		return e.send("record", i, data)
	})
	return count, err
}

// send puts out the event of a record, or of the whole block. There are no line
// breaks in data, as in no canonical text.
func (e *events) send(kind string, position int, data []byte) error {
	e.unsent = true
	var buf [96]byte
	begin := append(append(append(buf[:0], "event: "...), kind...), "\nid: "...)
	begin = append(appendEventID(begin, e.chainID, e.at.block, position), "\ndata: "...)
	for _, part := range [...][]byte{begin, data, endOfEvent} {
		if err := e.st.write(part); err != nil {
			return err
		}
	}
	return nil
}

// say sends a line at once, after what has not been sent yet.
func (e *events) say(line string) error {
	e.unsent = true
	if err := e.st.writeString(line); err != nil {
		return err
	}
	return e.push()
}

// push sends what there is.
func (e *events) push() error {
	if !e.unsent {
		return nil
	}
	e.unsent, e.speak = false, time.Now().Add(e.keepAlive)
	return e.st.push()
}
