package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Relay hands a write to the BPSC: to a member, or to a follower that is nearer
// to one. An error means that there is no answer: outcome.NoUpstream or outcome.QueueFull
// if nobody took the write, outcome.RelayLoop if it has come by here before,
// outcome.UnknownError if it may have been applied. A problem that a member answers
// with is an answer.
type Relay interface {
	Do(ctx context.Context, q protocol.RelayRequest) (protocol.RelayAnswer, error)
}

// passedOn are the headers of an answer that are the client's. The others are
// about a connection that is not.
var passedOn = [...]string{headerType, "Location", protocol.IdempotentReplay, "Retry-After", "Cache-Control", protocol.MinBlock, headerAuthenticate}

// relayTransaction is POST /transactions/new and /v1/transactions on a follower.
// What is not JSON is refused here; all else is for the BPSC to judge.
func (s *followerServer) relayTransaction(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBody); err != nil {
		return err
	}
	_, inBody, err := w.read.Transaction(w.in, intake.Envelope{Lenient: true})
	if err != nil {
		return err
	}
	return s.relayWrite(c, w, inBody, c.Request.Header[protocol.IdempotencyKey] != nil)
}

// relayBatch is POST /v1/transactions:batch on a follower.
func (s *followerServer) relayBatch(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBatchBody); err != nil {
		return err
	}
	drafts, inBody, err := w.read.Batch(w.in)
	if err != nil {
		return err
	}
	if err := w.reserve(len(drafts) * resultBytes); err != nil {
		return err
	}
	keyed := true
	for i := range drafts {
		keyed = keyed && drafts[i].Keyed()
	}
	return s.relayWrite(c, w, inBody, keyed)
}

// relayHold is POST /v1/holds/{id}:accept and {id}:reject on a follower.
func (s *followerServer) relayHold(c *gin.Context) error {
	if _, err := holdEnvelope(c); err != nil {
		return err
	}
	return s.relayTransaction(c)
}

// relayWrite hands the write that has been read to the BPSC, and its answer back.
func (s *followerServer) relayWrite(c *gin.Context, w *work, inBody string, keyed bool) error {
	contract, err := s.contractNamed(c, inBody)
	if err != nil {
		return err
	}
	q := s.relayRequest(c, contract)
	q.Repeatable = q.Signed || keyed
	q.Body = bytes.Clone(w.in) // what sends it may still read it when the answer is there
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.WriteTimeout)
	defer cancel()
	answer, err := s.relay.Do(ctx, q)
	if err != nil {
		return relayError(err, &q)
	}
	s.sendRelayed(c, contract.Token, &answer)
	return nil
}

// lookElsewhere implements role: it answers a read of an id that is not here with
// what a member says of it.
func (s *followerServer) lookElsewhere(c *gin.Context) (again bool, err error) {
	contract, err := s.contractOf(c)
	if err != nil {
		return false, err
	}
	q := s.relayRequest(c, contract)
	q.Read = true
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	answer, err := s.relay.Do(ctx, q)
	if err != nil {
		// That it is unknown is not for this node to say.
		return false, problem.WithDetail(outcome.NoUpstream, fmt.Sprintf(
			"It is in no block that this node has, and no member can be asked whether it is elsewhere: %s", err))
	}
	c.Writer.Header()[protocol.Relayed] = []string{"true"}
	s.sendRelayed(c, contract.Token, &answer)
	return false, errAnswered
}

// sendRelayed answers with an upstream's answer.
func (s *followerServer) sendRelayed(c *gin.Context, token string, answer *protocol.RelayAnswer) {
	header := c.Writer.Header()
	for _, name := range passedOn {
		if values := answer.Header[name]; len(values) > 0 {
			header[name] = values
		}
	}
	if there := answer.Header.Get("Location"); there != "" {
		header["Location"] = []string{s.locationHere(there, token)}
	}
	s.send(c, answer.Status, answer.Body)
}

// relayRequest is a request as the relay gets it, with one name all the way. What
// a read asks for of this node's age is obeyed here, and not meant for a member.
func (s *followerServer) relayRequest(c *gin.Context, contract *intake.Chain) protocol.RelayRequest {
	query := c.Request.URL.Query()
	query.Del("min_block")
	query.Del("consistency")
	query.Set("contract", contract.Token)
	header := c.Request.Header.Clone()
	header[protocol.RequestID] = c.Writer.Header()[protocol.RequestID]
	if access.From(c.Request.Context()).Kind != access.Foreign {
		header.Del("Authorization") // it is this node's own secret, and nobody else's business
	}
	return protocol.RelayRequest{Token: contract.Token, Chain: contract.ID.String(), Signed: contract.Wallets == chain.SignedWallets,
		Path: c.Request.URL.EscapedPath(), RawQuery: query.Encode(), Header: header}
}

// locationHere is a member's Location on this node, whose default contract may be
// another.
func (s *followerServer) locationHere(there, token string) string {
	u, err := url.Parse(there)
	if err != nil {
		return there
	}
	id, ok := strings.CutPrefix(u.Path, transactionsPath)
	if !ok {
		return there
	}
	return s.location([]byte(id), token)
}

// relayError is problem.NoResult for a write that was handed on. One that may have been
// applied, and whose parts have no keys, is not to be sent again.
func relayError(err error, q *protocol.RelayRequest) error {
	var draft *intake.Draft
	var unknown *outcome.UnknownError
	given := q.Header[protocol.IdempotencyKey]
	switch {
	case errors.As(err, &unknown) && unknown.Key != "":
		draft = &intake.Draft{Drawn: unknown.Key}
		draft.Tx.ID = chain.DeriveID([]byte(unknown.Key))
	case len(given) == 1 && !q.Signed:
		draft = &intake.Draft{}
		draft.Tx.ID = chain.DeriveID([]byte(given[0]))
	case q.Repeatable:
		draft = &intake.Draft{}
	}
	err = problem.NoResult(draft, err)
	if draft == nil && errors.Is(err, outcome.Unknown) {
		return &problem.Error{Err: err, Final: true, Detail: "It may have been applied, and there is no key to send it again under: look at the accounts first"}
	}
	return err
}
