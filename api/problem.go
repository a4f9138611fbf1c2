package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// fail answers with the problem that err is.
func (s *server) fail(c *gin.Context, err error) {
	p := problem.New(err)
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
	if problem.MeaningOf(p.Code).NoEffect() {
		header["Retry-After"] = problem.RetryAfter(err)
	}
	switch p.Code {
	case string(problem.TooManyClients), string(outcome.RequestMalformed), string(outcome.TargetTooLong), string(outcome.HeaderTooLarge):
		header["Connection"] = []string{"close"} // others need the place
	}
	challenge(header, err)
	for _, name := range ofAnswer {
		delete(header, name)
	}
	header[headerType] = typeProblem
	// An answer that may be kept is about to be replaced by one that may not.
	httpcache.NoStore(header)
	text, _ := encode(&p) // texts and numbers
	sendAll(c, p.Status, text)
}

// ofAnswer are headers of an answer that was about to be given, and say nothing of a problem.
var ofAnswer = []string{headerEncoding, headerDisposition, "Content-Length", "Location"}

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
	if err = problem.NoResult(nil, err); errors.Is(err, outcome.Unknown) {
		return problem.WithDetail(err, again)
	}
	return err
}
