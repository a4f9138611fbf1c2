package relay

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/internal/attempt"
	"github.com/bpsc/bpsc/internal/loopback"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// request is one on its way, owned by the goroutine that called Do.
type request struct {
	*Relay
	protocol.RelayRequest
	method string
	header http.Header // what goes to the upstream
	drawn  string      // the key, when the client gave none
	again  bool        // it may be sent again when its outcome is unknown

	attempt.History
	refused *protocol.RelayAnswer // the last that said that it had no effect
	unsure  *protocol.RelayAnswer // the last that did not know

	answer protocol.RelayAnswer // the end
	err    error
}

// newRequest decides how q may be sent. A signed transaction's id is the hash of
// what is signed, an open one's that of its key: sent again they are the same.
// An open one without a key gets one. An open batch has no key as a whole; where
// not each of its items has one, it is sent again only if it had no effect for
// sure, and so is whatever else there may be.
func (r *Relay) newRequest(q protocol.RelayRequest) (*request, error) {
	header, err := onward(q.Header, q.Chain)
	if err != nil {
		return nil, err
	}
	s := &request{Relay: r, RelayRequest: q, method: http.MethodPost, header: header, again: q.Signed || q.Repeatable}
	if q.Read {
		s.method, s.again = http.MethodGet, true
		header.Del(protocol.IdempotencyKey)
	}
	if q.Read || q.Signed || !single(q.Path) {
		return s, nil
	}
	s.again = true
	if header[protocol.IdempotencyKey] == nil {
		if s.drawn, err = r.draw(); err != nil {
			return nil, fmt.Errorf("%w: %w", outcome.NoUpstream, err)
		}
		header.Set(protocol.IdempotencyKey, s.drawn)
	}
	return s, nil
}

// single tells whether a path takes one transaction.
func single(path string) bool { return path == "/transactions/new" || path == "/v1/transactions" }

// draw makes a key: the text of 32 random bytes.
func (r *Relay) draw() (string, error) {
	var random [32]byte
	_, err := io.ReadFull(r.cfg.Random, random[:])
	return hex.EncodeToString(random[:]), err
}

// try sends the request to one upstream and tells whether that was the end.
func (s *request) try(ctx context.Context, upstream string) (done bool) {
	a := s.attempt(ctx, upstream)
	answer := protocol.RelayAnswer{Status: a.Status, Header: a.Header, Body: a.Body}
	loop := a.Problem.Code == string(outcome.RelayLoop)
	verdict := s.verdict(&a)
	if !loop && (verdict == attempt.Applied || verdict == attempt.Refused && s.believes(&a)) {
		return s.bring(answer)
	}
	s.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "an upstream did not take a request",
		slog.String("upstream", upstream), slog.String("path", s.Path), slog.Int("status", a.Status), slog.Any("error", a.Err),
		slog.String("request_id", s.header.Get(protocol.RequestID)), slog.String("traceparent", s.header.Get(protocol.Traceparent)))
	if loop && !s.Open {
		s.err = outcome.RelayLoop // to go on would send it around again
		return true
	}
	s.Note(ctx, verdict, cmp.Or(a.Err, fmt.Errorf("%s answers %d", upstream, a.Status)))
	switch {
	case a.Problem.Code == string(outcome.Unknown):
		s.unsure = &answer
	case verdict == attempt.NotApplied && a.Status != 0:
		s.refused = &answer
	}
	if loop || verdict == attempt.Unknown && !s.again {
		s.answer, s.err = s.gaveUp()
		return true
	}
	return false
}

// verdict is what an attempt is to a relay, which brings answers back: what
// something in between says is none, what another chain's node says is not the
// ledger's, and an error that a node does not want to be asked for again is for
// the client to judge.
func (s *request) verdict(a *attempt.Attempt) attempt.Verdict {
	switch {
	case a.Foreign && s.Read, a.Problem.Code == string(outcome.OtherChain):
		return attempt.NotApplied
	case a.Foreign:
		return attempt.Unknown
	case a.Verdict == attempt.Unknown && a.Status != 0 && !a.Problem.Retryable && a.Problem.Code != string(outcome.Unknown):
		return attempt.Refused
	}
	return a.Verdict
}

// believes tells whether a refusal is the end: not where it says nothing of an
// attempt before, such as that of an upstream which does not know the contract yet.
// One with an id is the ledger's, and about this transaction.
func (s *request) believes(a *attempt.Attempt) bool { return !s.Open || a.Problem.ID != "" }

// bring takes an answer for the end.
func (s *request) bring(answer protocol.RelayAnswer) (done bool) {
	if answer.Status >= http.StatusInternalServerError && s.drawn != "" {
		// The client has to know the key to find out.
		s.err = &outcome.UnknownError{Key: s.drawn, Err: fmt.Errorf("status %d", answer.Status)}
		return true
	}
	s.answer = answer
	return true
}

// gaveUp is the end of a request that nobody answered for good.
func (s *request) gaveUp() (protocol.RelayAnswer, error) {
	last := cmp.Or(s.Last, errors.New("there is none"))
	switch {
	case s.Open && s.unsure != nil && s.drawn == "":
		return *s.unsure, nil
	case s.Open:
		return protocol.RelayAnswer{}, &outcome.UnknownError{Key: s.drawn, Err: last}
	case s.refused != nil:
		return *s.refused, nil
	}
	return protocol.RelayAnswer{}, fmt.Errorf("%w: %w", outcome.NoUpstream, last)
}

// attempt sends the request to one upstream, once there is a place for it, and
// follows no redirects.
func (s *request) attempt(ctx context.Context, upstream string) attempt.Attempt {
	if s.again {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.AttemptTimeout)
		defer cancel()
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return attempt.Attempt{Verdict: attempt.NotApplied, Err: ctx.Err()}
	}
	req, err := s.to(ctx, upstream)
	if err != nil {
		return attempt.Attempt{Verdict: attempt.NotApplied, Err: err}
	}
	return attempt.Do(s.transport.RoundTrip, req, maxAnswer)
}

func (s *request) to(ctx context.Context, upstream string) (*http.Request, error) {
	u, err := url.Parse(strings.TrimSuffix(upstream, "/") + s.Path)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an http URL", upstream)
	}
	u.RawQuery = s.RawQuery
	req, err := http.NewRequestWithContext(ctx, s.method, u.String(), bytes.NewReader(s.Body))
	if err != nil {
		return nil, err
	}
	req.Header = s.header.Clone()
	if !loopback.Shelters(u) {
		req.Header.Del("Authorization")
	} else if s.Read && s.cfg.Token != "" && req.Header["Authorization"] == nil {
		req.Header.Set("Authorization", "Bearer "+s.cfg.Token)
	}
	return req, nil
}

// passedOn is what of a client's header is passed on. All else concerns one
// connection, or is nobody's business: hop-by-hop headers, cookies. A token, which the
// member judges, is passed on where nobody on the way reads it.
var passedOn = []string{protocol.IdempotencyKey, "Content-Type", protocol.RequestID, "Accept", "Authorization"}

// onward is the header of the request to the upstream, whose ledger is to refuse
// it where its chain is another one. Values are passed as they came, also where
// there are two too many: the member refuses them.
func onward(client http.Header, chain string) (http.Header, error) {
	header := http.Header{}
	hops, err := countHops(client[protocol.RelayHops])
	if err != nil {
		return nil, err
	}
	header.Set(protocol.RelayHops, strconv.Itoa(hops+1))
	if chain != "" {
		header.Set(protocol.Chain, chain)
	}
	for _, name := range passedOn {
		if values := client[name]; len(values) > 0 {
			header[name] = values
		}
	}
	protocol.PassTrace(header, client)
	return header, nil
}

// countHops reads through how many relays a request has come. What no relay
// wrote is taken for a loop.
func countHops(values []string) (int, error) {
	if len(values) == 0 {
		return 0, nil
	}
	hops, err := strconv.Atoi(values[0])
	if err != nil || len(values) > 1 || hops < 0 || hops >= maxHops {
		return 0, outcome.RelayLoop
	}
	return hops, nil
}
