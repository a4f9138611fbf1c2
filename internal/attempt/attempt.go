// Package attempt sends a request to one server, says what became of it there, and
// when to try again. Clients and relays retry by it alone.
package attempt

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Verdict is what became of a request at one server.
type Verdict int

const (
	// Unknown: it may have been applied. Only the same bytes under the same id may
	// be sent again.
	Unknown Verdict = iota
	// NotApplied: it has no effect, for sure. It may go to another server.
	NotApplied
	// Refused: the answer is final, and not a success.
	Refused
	// Applied: it was done, and a read was answered.
	Applied
)

// Attempt is one try at one server.
type Attempt struct {
	Verdict Verdict
	Status  int // 0: no whole answer came, and Err says why
	Header  http.Header
	Body    []byte
	Err     error

	// Problem is what an answer says that is no success.
	Problem protocol.Problem
	// Foreign tells that no node said so, but something in between, such as a
	// proxy: it knows nothing of the ledger.
	Foreign bool
}

// CodeForeign is the code of a Problem that no node has written.
const CodeForeign outcome.Code = "not_a_bpsc_answer"

// errPartial: what came is not the whole answer.
var errPartial = errors.New("the answer did not arrive whole")

// Do makes an attempt with send, which does what http.Client.Do does. An answer
// has at most limit bytes. A connection that was never made carried nothing, and a
// GET has no effect to be unsure of.
func Do(send func(*http.Request) (*http.Response, error), req *http.Request, limit int64) Attempt {
	var connected atomic.Bool
	trace := httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	resp, err := send(req.WithContext(httptrace.WithClientTrace(req.Context(), &trace)))
	if err != nil {
		return lost(req.Method, connected.Load(), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil || int64(len(body)) > limit {
		return lost(req.Method, true, errors.Join(errPartial, err))
	}
	a := Judge(req.Method, resp.StatusCode, body)
	a.Header = resp.Header
	return a
}

func lost(method string, connected bool, err error) Attempt {
	if method == http.MethodGet || !connected {
		return Attempt{Verdict: NotApplied, Err: err}
	}
	return Attempt{Verdict: Unknown, Err: err}
}

// Judge says what an answer means. What no node said may come after the ledger has
// applied the request, from a proxy that did not wait; and so may a member's
// internal error.
func Judge(method string, status int, body []byte) Attempt {
	a := Attempt{Status: status, Body: body}
	if status >= 200 && status < 300 {
		a.Verdict = Applied
		return a
	}
	if json.Unmarshal(body, &a.Problem) != nil || a.Problem.Code == "" {
		a.Foreign = true
		a.Problem = protocol.Problem{Code: string(CodeForeign), Detail: cmp.Or(http.StatusText(status), "no answer of a ledger")}
	}
	a.Problem.Status = status
	a.Verdict = verdict(method == http.MethodGet, a.Foreign, &a.Problem)
	return a
}

func verdict(read, foreign bool, p *protocol.Problem) Verdict {
	switch {
	case p.Code == string(outcome.Unknown):
		return Unknown
	case p.Code == string(outcome.RelayLoop), foreign && notPassedOn(p.Status):
		return NotApplied
	case p.Retryable && (p.Status < http.StatusInternalServerError || p.Status == http.StatusServiceUnavailable):
		return NotApplied
	case p.Status < http.StatusInternalServerError && (!foreign || read && p.Status != http.StatusRequestTimeout):
		return Refused
	case !read:
		return Unknown
	case foreign || p.Retryable:
		return NotApplied
	}
	return Refused
}

// notPassedOn: a proxy has kept the request back, and may not later.
func notPassedOn(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusTooEarly
}
