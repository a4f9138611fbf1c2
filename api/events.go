package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/events"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/webserver"
)

// headerLastEvent names the last event that a reader got.
const headerLastEvent = "Last-Event-Id"

// getEvents is GET /v1/events: for each block a server-sent event of each of its
// records, then one of the block. It begins after the event of Last-Event-ID,
// with block ?from=, or with the next block there will be.
func (s *server) getEvents(c *gin.Context) error {
	asked, err := s.askedEvents(c)
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
	var turn func() error
	if edge.VisitOf(c).IsGuest() {
		turn = func() error { return s.awaitTurn(ctx) }
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
	err = s.events.Send(ctx, c.Writer, asked, s.answersFor(c), turn)
	if ctx.Err() != nil {
		return nil // the reader has gone, or this server is about to
	}
	return err
}

// askedEvents are the events that a request asks for, from a place that is there or next.
func (s *server) askedEvents(c *gin.Context) (asked events.Asked, err error) {
	asked.Records, asked.Blocks = true, true
	switch query.Text(c, "only") {
	case "":
	case "blocks":
		asked.Records = false
	case "records":
		asked.Blocks = false
	default:
		return asked, intake.WrongKind("only", "blocks or records")
	}
	from, err := query.Uint(c, "from", 0, math.MaxInt64)
	if err != nil {
		return asked, err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return asked, err
	}
	asked.Token, asked.Chain = contract.Token, contract.ID
	if asked.At, err = events.LastEvent(c.Request.Header[headerLastEvent], asked.Chain); err != nil {
		return asked, err
	}
	if asked.At.Block == 0 {
		asked.At.Block = from
	}
	if asked.At.Block == 0 {
		info, err := s.read.Contract(asked.Token)
		asked.At.Block = info.Length + 1
		return asked, err
	}
	return asked, s.awaitPlace(c, asked.Token, asked.At)
}

// awaitPlace makes sure that the place is one of the chain's, or what comes next:
// a reader that stands beyond it would be told nothing for as long as the chain
// does not get there, and is told that instead. Another replica may be a little
// ahead, so this one is given the time of a read to get there.
func (s *server) awaitPlace(c *gin.Context, token string, at events.Place) error {
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
