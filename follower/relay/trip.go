package relay

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// trip is one request on its way.
type trip struct {
	*Relay
	method string
	token  string
	path   string
	query  string
	header http.Header
	body   []byte
	drawn  string // the key, when the client gave none
	again  bool   // it may be sent again when its outcome is unknown

	open    bool    // some attempt may have had an effect
	refused *Answer // the last that said that it had none
	unsure  *Answer // the last that did not know
	last    error   // why the last attempt was not the end

	answer Answer // the end
	err    error
}

// newTrip decides how q may be sent. A signed transaction's id is the hash of
// what is signed, an open one's that of its key: sent again they are the same.
// An open one without a key gets one. An open batch has no key as a whole; where
// not each of its items has one, it is sent again only if it had no effect for
// sure, and so is whatever else there may be.
func (r *Relay) newTrip(q Request) (*trip, error) {
	header, err := onward(q.Header, q.Chain)
	if err != nil {
		return nil, err
	}
	query := maps.Clone(q.Query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("contract", q.Token)
	t := &trip{Relay: r, method: http.MethodPost, token: q.Token, path: q.Path, query: query.Encode(), header: header, body: q.Body, again: q.Signed || q.Repeatable}
	if q.Read {
		t.method, t.again = http.MethodGet, true
		header.Del(protocol.IdempotencyKey)
	}
	if q.Read || q.Signed || !single(q.Path) {
		return t, nil
	}
	t.again = true
	if header[protocol.IdempotencyKey] == nil {
		if t.drawn, err = r.draw(); err != nil {
			return nil, fmt.Errorf("%w: %w", outcome.NoUpstream, err)
		}
		header.Set(protocol.IdempotencyKey, t.drawn)
	}
	return t, nil
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
func (t *trip) try(ctx context.Context, upstream string) (done bool) {
	answer, fate, err := t.attempt(ctx, upstream)
	if err == nil && fate == decided {
		return t.decide(answer)
	}
	t.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "an upstream did not take a request",
		slog.String("upstream", upstream), slog.String("path", t.path), slog.Int("status", answer.Status), slog.Any("error", err))
	t.last = cmp.Or(err, fmt.Errorf("%s answers %d", upstream, answer.Status))
	switch {
	case fate == looped && !t.open:
		t.err = outcome.RelayLoop // to go on would send it around again
		return true
	case fate == untouched, t.method == http.MethodGet && fate != looped:
		if err == nil {
			t.refused = &answer
		}
		return false
	}
	t.open = true
	if fate == unsure {
		t.unsure = &answer
	}
	if t.again && fate != looped {
		return false
	}
	t.answer, t.err = t.gaveUp()
	return true
}

// decide takes an answer for the end, unless it is a refusal that says nothing
// of an attempt before, such as that of an upstream which does not know the
// contract yet. One with an id is the ledger's, and about this transaction.
func (t *trip) decide(answer Answer) (done bool) {
	switch {
	case t.open && answer.Status >= http.StatusBadRequest && readProblem(answer.Body).ID == "":
		t.last = fmt.Errorf("status %d after an attempt with an unknown outcome", answer.Status)
		return false
	case answer.Status >= http.StatusInternalServerError && t.drawn != "":
		// The client has to know the key to find out.
		t.err = &outcome.UnknownError{Key: t.drawn, Err: fmt.Errorf("status %d", answer.Status)}
	default:
		t.answer = answer
	}
	return true
}

// gaveUp is the end of a request that nobody answered for good.
func (t *trip) gaveUp() (Answer, error) {
	last := cmp.Or(t.last, errors.New("there is none"))
	switch {
	case t.open && t.unsure != nil && t.drawn == "":
		return *t.unsure, nil
	case t.open:
		return Answer{}, &outcome.UnknownError{Key: t.drawn, Err: last}
	case t.refused != nil:
		return *t.refused, nil
	}
	return Answer{}, fmt.Errorf("%w: %w", outcome.NoUpstream, last)
}
