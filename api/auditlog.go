package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// AuditLog is what the cluster notes of operators' actions.
type AuditLog interface {
	// AuditLog returns at most limit entries from a number on, and whether there are more.
	AuditLog(from uint64, limit int) (page []auditlog.Entry, more bool)
	// BeginAction notes what somebody is about to do, and returns the number of the
	// entry. It fails with a chain.Code where that somebody may not, as the log has it,
	// and with chain.LevelNotActive where the cluster keeps no audit log yet.
	BeginAction(ctx context.Context, a auditlog.Action) (number uint64, err error)
	// EndAction notes how that ended.
	EndAction(ctx context.Context, number uint64, result string) error
}

// noted does what an operator asks for, once the cluster has noted it. Where it cannot be
// noted it is not done. What was done is told whoever asked for it, even where nobody can
// note how it ended: then the entry says that it began.
func (s *memberServer) noted(c *gin.Context, what, subject string, do func() error) error {
	a := s.action(c, what, subject)
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.WriteTimeout)
	defer cancel()
	number, err := s.member.BeginAction(ctx, a)
	switch {
	case errors.Is(err, chain.LevelNotActive): // by a cluster that is being upgraded
	case err != nil:
		return unnoted(err)
	}
	return s.ended(a, number, do())
}

// notedUnlessDry is noted where it is not only to be said what would happen.
func (s *memberServer) notedUnlessDry(c *gin.Context, dry bool, what, subject string, do func() error) error {
	if dry {
		return do()
	}
	return s.noted(c, what, subject, do)
}

// notedIfPossible is noted for what is asked of a member when its cluster is in trouble: a
// look at it, and a copy of what it has. It needs no majority.
func (s *memberServer) notedIfPossible(c *gin.Context, what string, do func() error) error {
	a := s.action(c, what, "")
	err := error(outcome.NoLeader)
	var number uint64
	if _, known := s.member.Leader(); known {
		ctx, cancel := context.WithTimeout(c.Request.Context(), noteTimeout)
		defer cancel()
		number, err = s.member.BeginAction(ctx, a)
	}
	var refused chain.Code
	switch {
	case err == nil, errors.Is(err, chain.LevelNotActive):
	case errors.As(err, &refused):
		return unnoted(err)
	default:
		s.cfg.Logger.Warn("an operator's action that the audit log lacks", "action", a.What, "request_id", a.Request, "error", err)
	}
	return s.ended(a, number, do())
}

// unnoted is why something was not done: the log has refused it, or there is no majority
// that has it.
func unnoted(err error) error {
	var refused chain.Code
	if errors.As(err, &refused) {
		return err
	}
	if own, ok := outcome.Of(err); !ok || own == outcome.Unknown {
		err = fmt.Errorf("%w: %w", outcome.NotOrdered, err)
	}
	return problem.WithDetail(err, "It was not done, because the audit log could not say so first: that takes a majority of the members")
}

// ended notes how an action ended, which nothing that happens to the request keeps it
// from.
func (s *memberServer) ended(a auditlog.Action, number uint64, err error) error {
	result := auditlog.OK
	if err != nil {
		result = problem.CodeOf(err)
	}
	s.cfg.Logger.Info("an operator's action", "action", a.What, "subject", a.Subject, "who", a.Who, "token", a.Token,
		"from", a.From, "request_id", a.Request, "entry", number, "result", result)
	if number == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTimeout)
	defer cancel()
	if failed := s.member.EndAction(ctx, number, result); failed != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "the audit log does not say how an action ended",
			slog.String("request_id", a.Request), slog.Uint64("entry", number), slog.String("result", result), slog.Any("error", failed))
	}
	return err
}

func (s *memberServer) action(c *gin.Context, what, subject string) auditlog.Action {
	who := access.From(c.Request.Context())
	from, _, _ := strings.Cut(c.Request.RemoteAddr, "%") // the zone of an address says nothing
	return auditlog.Action{Who: string(who.Kind), Token: who.ID, Name: who.Name, What: what, Subject: noteText(subject),
		From: noteText(from), Request: c.Writer.Header().Get(protocol.RequestID), Member: s.member.Cluster().ID}
}

// noteText is a text as the audit log takes it.
func noteText(text string) string {
	text = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text), "")
	if len(text) > auditlog.MaxText {
		text = strings.ToValidUTF8(text[:auditlog.MaxText], "")
	}
	return text
}

// auditAnswer is an entry in JSON.
type auditAnswer struct {
	Number uint64    `json:"number"`
	Time   timestamp `json:"time"`
	auditlog.Action
	Ended  timestamp `json:"ended,omitzero"`
	Result string    `json:"result,omitempty"` // none where nobody could note how it ended
}

// getAudit is GET /v1/audit: {"items":[ … ]}, the oldest first; "next" is where the next
// page begins, as ?after=. As lines there are the items and no more.
func (s *memberServer) getAudit(c *gin.Context) error {
	limit, err := query.Uint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return err
	}
	after, err := query.Uint(c, "after", 0, math.MaxInt64-1)
	if err != nil {
		return err
	}
	page, more := s.member.AuditLog(after+1, int(limit))
	answer := struct {
		Items []auditAnswer `json:"items"`
		Next  uint64        `json:"next,omitempty"`
	}{Items: []auditAnswer{}}
	for _, e := range page {
		answer.Items = append(answer.Items, auditAnswer{e.Number, timestamp(e.Time), e.Action, timestamp(e.Ended), e.Result})
	}
	httpcache.NoStore(c.Writer.Header())
	c.Writer.Header()[headerVary] = varyAccept
	if !acceptsLines(c) {
		if more {
			answer.Next = page[len(page)-1].Number
		}
		return s.sendValue(c, http.StatusOK, answer)
	}
	var lines []byte
	for _, item := range answer.Items {
		line, err := encode(item)
		if err != nil {
			return err
		}
		lines = append(lines, line...)
	}
	c.Writer.Header()[headerType] = typeNDJSON
	s.send(c, http.StatusOK, lines)
	return nil
}

// noteTimeout bounds what is only to be noted: how something ended that was done, or
// what a member does with and without a majority.
const noteTimeout = 2 * time.Second
