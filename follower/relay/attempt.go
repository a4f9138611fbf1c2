package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// fate is what became of one attempt.
type fate int

const (
	decided   fate = iota // the answer is final
	untouched             // it had no effect, for sure
	looped                // it had none, and has been through too many relays
	unsure                // a member says that it may have had an effect
	lost                  // nobody says anything
)

// StatusLoop is how a relay answers outcome.RelayLoop, and understands that it is told so.
const StatusLoop = http.StatusLoopDetected

// errPartial: what came is not the whole answer.
var errPartial = errors.New("the answer did not arrive whole")

// attempt sends the request to one upstream, and follows no redirects. The error
// is nil when a whole answer came.
func (t *trip) attempt(ctx context.Context, upstream string) (Answer, fate, error) {
	if t.again {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.cfg.AttemptTimeout)
		defer cancel()
	}
	select {
	case t.places <- struct{}{}:
		defer func() { <-t.places }()
	case <-ctx.Done():
		return Answer{}, untouched, ctx.Err()
	}
	var connected atomic.Bool
	req, err := t.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}), upstream)
	if err != nil {
		return Answer{}, untouched, err
	}
	resp, err := t.transport.RoundTrip(req)
	if err != nil {
		if !connected.Load() {
			return Answer{}, untouched, err
		}
		return Answer{}, lost, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return Answer{}, lost, errors.Join(errPartial, err)
	}
	answer := Answer{Status: resp.StatusCode, Header: back(resp.Header, t.token), Body: body}
	return answer, judge(resp.StatusCode, body), nil
}

func (t *trip) request(ctx context.Context, upstream string) (*http.Request, error) {
	u, err := url.Parse(strings.TrimSuffix(upstream, "/") + t.path)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an http URL", upstream)
	}
	u.RawQuery = t.query
	req, err := http.NewRequestWithContext(ctx, t.method, u.String(), bytes.NewReader(t.body))
	if err != nil {
		return nil, err
	}
	req.Header = t.header.Clone()
	return req, nil
}

// readProblem returns nothing where the body is no problem.
func readProblem(body []byte) (p protocol.Problem) {
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return protocol.Problem{}
	}
	return p
}

// judge says what an answer means. What is no success and no problem of ours
// comes from something in between, perhaps after the ledger has taken effect.
func judge(status int, body []byte) fate {
	switch {
	case status == StatusLoop:
		return looped
	case status == http.StatusConflict && readProblem(body).Code == string(outcome.OtherChain):
		return untouched
	case status >= 200 && status < 300:
		return decided
	}
	switch p := readProblem(body); {
	case p.Code == "":
		return lost
	case status < 500:
		return decided
	case p.Code == string(outcome.Unknown):
		return unsure
	case !p.Retryable:
		return decided
	case status == http.StatusServiceUnavailable:
		return untouched
	}
	return lost
}
