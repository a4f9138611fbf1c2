package api

import (
	"context"
	"crypto/sha256"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/token"
)

// fakeAccess is the part of a fake that has tokens and the audit log. Requests end before
// the next one begins, so nothing is locked.
type fakeAccess struct {
	makeErr error // why no token is made
	tokens  []*token.Token
	audit   []auditlog.Entry
	noteErr error // why nothing can be noted
}

func (f *fakeAccess) Tokens() []*token.Token { return f.tokens }

func (f *fakeAccess) Token(h token.Hash) *token.Token {
	if i := slices.IndexFunc(f.tokens, func(t *token.Token) bool { return t.Hash == h }); i >= 0 {
		return f.tokens[i]
	}
	return nil
}

func (f *fakeAccess) OperateMade() bool {
	return slices.ContainsFunc(f.tokens, func(t *token.Token) bool { return t.Roles.Has(token.Operate) })
}

func (f *fakeAccess) MakeToken(_ context.Context, t *token.Token) (uint64, error) {
	if f.makeErr != nil {
		return 0, f.makeErr
	}
	made := *t
	made.Made = 1
	f.tokens = append(f.tokens, &made)
	return 0, nil
}

func (f *fakeAccess) RevokeToken(_ context.Context, id, _ string) (uint64, error) {
	for i, t := range f.tokens {
		if t.ID() == id {
			now := *t
			now.Revoked = 2
			f.tokens[i] = &now
			return 0, nil
		}
	}
	return 0, chain.TokenUnknown
}

func (f *fakeAccess) AuditLog(from uint64, limit int) (page []auditlog.Entry, more bool) {
	rest := f.audit[min(int(from)-1, len(f.audit)):]
	return rest[:min(limit, len(rest))], len(rest) > limit
}

func (f *fakeAccess) BeginAction(_ context.Context, a auditlog.Action) (uint64, error) {
	if f.noteErr != nil {
		return 0, f.noteErr
	}
	number := uint64(len(f.audit) + 1)
	f.audit = append(f.audit, auditlog.Entry{Number: number, Time: 1_800_000_000_000_000, Action: a})
	return number, a.Check()
}

func (f *fakeAccess) EndAction(_ context.Context, number uint64, result string) error {
	f.audit[number-1].Ended, f.audit[number-1].Result = 1_800_000_000_500_000, result
	return nil
}

// noon is when the tests of tokens happen.
var noon = time.Unix(1_800_000_000, 0)

// secured serves a fake to which nobody may come without a token. text makes one.
func secured(t testing.TB, f *fake, change func(*access.Config)) (h func(method, target, body, text string, headers ...string) *httptest.ResponseRecorder, text func(change token.Token) string) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.LocalOperator, cfg.Anonymous, cfg.Tokens = false, 0, f
	cfg.Now = func() time.Time { return noon }
	if change != nil {
		change(&cfg.Config)
	}
	handler := newHandlerWith(t, cfg, f)
	h = func(method, target, body, text string, headers ...string) *httptest.ResponseRecorder {
		if text != "" {
			headers = append(headers, "Authorization", "Bearer "+text)
		}
		return call(handler, method, target, body, headers...)
	}
	text = func(made token.Token) string {
		text, hash, err := token.New(strings.NewReader(strings.Repeat(strconv.Itoa(len(f.tokens)), 32)))
		require.NoError(t, err)
		require.Equal(t, token.Hash(sha256.Sum256([]byte(text))), hash)
		made.Hash, made.Name = hash, "t"
		f.tokens = append(f.tokens, &made)
		return text
	}
	return h, text
}

// errNobody is why nothing goes into the log.
const errNobody = outcome.NoLeader
