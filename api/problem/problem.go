// Package problem is why a node does not answer as it was asked to: the table of all codes
// that a client can get, with the status of each, and how an error becomes the document
// of RFC 9457 that says so. A handler returns an error, and knows no status.
package problem

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/openapi"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Error is an error with the sentence a client is to see in place of the
// error's own text, and with what else the problem has to carry.
type Error struct {
	Err    error
	Detail string
	ID     chain.ID // of the transaction it is about, if any
	Key    string   // the key drawn for a transaction that came without
	Final  bool     // not to be retried, whatever the table says

	ChainTime chain.Seconds // of a refusal that lies in the time

	// Nothing is known of the transaction with that id: neither that it was
	// applied nor that it cannot be.
	Unknown bool
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// WithDetail returns err with another sentence.
func WithDetail(err error, detail string) error { return &Error{Err: err, Detail: detail} }

// CodeOf finds the stable code of an error: the ledger's, an outcome, or
// what a malformed body or a context means. What it does not know, or no client
// is to know, is internal.
func CodeOf(err error) string {
	if own, ok := outcome.Of(err); ok {
		return string(own)
	}
	var ledger chain.Code
	switch {
	case errors.As(err, &ledger):
		if _, known := meanings[string(ledger)]; known {
			return string(ledger)
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return string(Behind)
	}
	return string(Internal)
}

// New says what err is to a client. Text of internal errors stays
// inside.
func New(err error) protocol.Problem {
	code := CodeOf(err)
	m := meanings[code]
	p := protocol.Problem{Type: openapi.ProblemPath + code, Title: m.Title, Status: m.Status, Code: code, Retryable: m.Retryable()}
	var own *Error
	if errors.As(err, &own) {
		p.Detail, p.Key, p.ChainTime = own.Detail, own.Key, int64(own.ChainTime)
		p.Retryable = p.Retryable && !own.Final
		if !own.ID.IsZero() {
			p.ID = own.ID.String()
		}
		if own.Unknown {
			p.TransactionStatus = "unknown"
		}
	}
	var refusal *access.Refusal
	if p.Detail == "" && errors.As(err, &refusal) {
		p.Detail = refusal.Detail
	}
	if p.Detail == "" {
		p.Detail = sentence(err, code)
	}
	return p
}

// sentence is what is said about an error: its own text without the code in
// front where the request is at fault, or the disk, else the title of its code.
func sentence(err error, code string) string {
	m := meanings[code]
	words := outcome.Code(code).Error()
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), code+": "), words+": ")
	switch {
	case m.Status >= 500 && code != string(outcome.DiskFull), text == code, text == words:
		return m.Title
	case len(text) > 8*intake.MaxEcho:
		return text[:8*intake.MaxEcho] + "…"
	}
	return text
}

// RetryAfter is when a client may come again that was sent away for err, as the value of
// the header.
func RetryAfter(err error) []string {
	var limited *edge.Limited
	if !errors.As(err, &limited) {
		return inASecond
	}
	return []string{strconv.Itoa(max(1, int((limited.After + time.Second - 1).Seconds())))}
}

// inASecond is shared by all answers and never changed.
var inASecond = []string{"1"}
