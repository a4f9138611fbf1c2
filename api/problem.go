package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/openapi"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// detailed is an error with the sentence a client is to see in place of the
// error's own text, and with what else the problem has to carry.
type detailed struct {
	err    error
	detail string
	id     chain.ID // of the transaction it is about, if any
	key    string   // the key drawn for a transaction that came without
	final  bool     // not to be retried, whatever the table says

	chainTime chain.Seconds // of a refusal that lies in the time

	// Nothing is known of the transaction with that id: neither that it was
	// applied nor that it cannot be.
	unknown bool
}

func (d *detailed) Error() string { return d.err.Error() }
func (d *detailed) Unwrap() error { return d.err }

// withDetail returns err with another sentence.
func withDetail(err error, detail string) error { return &detailed{err: err, detail: detail} }

// codeOf finds the stable code of an error: the ledger's, an outcome, or
// what a malformed body or a context means. What it does not know, or no client
// is to know, is internal.
func codeOf(err error) string {
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
		return string(errBehind)
	}
	return string(errInternal)
}

// newProblem says what err is to a client. Text of internal errors stays
// inside.
func newProblem(err error) protocol.Problem {
	code := codeOf(err)
	m := meanings[code]
	p := protocol.Problem{Type: openapi.ProblemPath + code, Title: m.title, Status: m.status, Code: code, Retryable: m.retryable()}
	var d *detailed
	if errors.As(err, &d) {
		p.Detail, p.Key, p.ChainTime = d.detail, d.key, int64(d.chainTime)
		p.Retryable = p.Retryable && !d.final
		if !d.id.IsZero() {
			p.ID = d.id.String()
		}
		if d.unknown {
			p.TransactionStatus = statusUnknown
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
	case m.status >= 500 && code != string(outcome.DiskFull), text == code, text == words:
		return m.title
	case len(text) > 8*intake.MaxEcho:
		return text[:8*intake.MaxEcho] + "…"
	}
	return text
}

// fail answers with the problem that err is.
func (s *server) fail(c *gin.Context, err error) {
	p := newProblem(err)
	header := c.Writer.Header()
	p.RequestID = header.Get(protocol.RequestID)
	if path := c.Request.URL.EscapedPath(); len(path) <= 4*intake.MaxEcho {
		p.Instance = path
	}
	if p.Status >= 500 {
		s.logFailure(c, &p, err)
	}
	if s.cfg.Problem != nil {
		s.cfg.Problem(p.Code)
	}
	if meanings[p.Code].noEffect() {
		header["Retry-After"] = retryAfter(err)
	}
	switch p.Code {
	case string(errTooManyClients), string(outcome.RequestMalformed), string(outcome.TargetTooLong), string(outcome.HeaderTooLarge):
		header["Connection"] = []string{"close"} // others need the place
	}
	challenge(header, err)
	header[headerType] = typeProblem
	// An answer that may be kept is about to be replaced by one that may not.
	header[headerCache] = noStore
	delete(header, headerTag)
	text, _ := encode(&p) // texts and numbers
	sendAll(c, p.Status, text)
}

// logFailure logs what went wrong inside; of what a busy or leaderless cluster
// refuses, one a second.
func (s *server) logFailure(c *gin.Context, p *protocol.Problem, err error) {
	level, suppressed := slog.LevelError, uint64(0)
	if p.Retryable {
		var ok bool
		level = slog.LevelWarn
		if ok, suppressed = s.complain.Allow(); !ok {
			return
		}
	}
	s.named(c).LogAttrs(c.Request.Context(), level, "request failed",
		slog.String("method", c.Request.Method), slog.String("path", p.Instance),
		slog.Int("status", p.Status), slog.String("code", p.Code), slog.Any("error", err), slog.Uint64("suppressed", suppressed))
}

// failure is what an outcome without a record is to a client: refused by the
// ledger, not ordered, or not known.
func failure(draft *intake.Draft, o *chain.Outcome) error {
	switch {
	case o.Err != nil:
		return writeError(o.Err, draft)
	case o.Refused != "":
		return &detailed{err: o.Refused, id: draft.Tx.ID}
	}
	return nil
}

// writeError says what is known about a write that got no result. A context
// that ended says nothing about the log, so it counts as unknown.
func writeError(err error, draft *intake.Draft) error {
	if _, own := outcome.Of(err); !own && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = fmt.Errorf("%w: %w", outcome.Unknown, err)
	}
	if draft == nil {
		return err
	}
	d := &detailed{err: err, id: draft.Tx.ID, key: draft.Drawn}
	if errors.Is(err, outcome.Unknown) {
		d.detail = unknownOutcome
		if draft.Drawn != "" {
			d.detail += ", which is that of the " + protocol.IdempotencyKey + " given here"
		}
	}
	return d
}

// order orders what is no transaction, and has no id to ask for it again: again is
// what to do about an outcome that is not known.
func (s *memberServer) order(c *gin.Context, again string, write func(ctx context.Context) error) error {
	return s.orderWithin(c, s.cfg.WriteTimeout, again, write)
}

// orderWithin is order with another limit.
func (s *memberServer) orderWithin(c *gin.Context, limit time.Duration, again string, write func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
	defer cancel()
	err := write(ctx)
	if err == nil {
		return nil
	}
	if err = writeError(err, nil); errors.Is(err, outcome.Unknown) {
		return withDetail(err, again)
	}
	return err
}

// unknownOutcome is what to do about an outcome that is not known.
const unknownOutcome = "It may have been applied: resubmit the same bytes with the same id"

// inTutorialWords replaces the detail where the tutorial has a sentence.
func inTutorialWords(err error) error {
	if errors.Is(err, chain.MissingValues) {
		return withDetail(chain.MissingValues, intake.MissingValues)
	}
	return err
}

// retryAfter is when a client may come again that was sent away for err.
func retryAfter(err error) []string {
	var limited *edge.Limited
	if !errors.As(err, &limited) {
		return inASecond
	}
	return []string{strconv.Itoa(max(1, int((limited.After + time.Second - 1).Seconds())))}
}
