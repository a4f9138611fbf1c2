package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/token"
)

// Kind is how somebody is known.
type Kind string

// The kinds there are.
const (
	Anonymous Kind = ""             // by nothing
	Token     Kind = auditlog.Token // by one of the cluster's tokens
	Root      Kind = auditlog.Root  // by the secret of the configuration
	Local     Kind = auditlog.Local // by asking from the node's own machine
	Foreign   Kind = "foreign"      // by a token of which a follower knows nothing
)

// Who asks. The zero value is anybody.
type Who struct {
	Kind     Kind
	ID       string // of a token
	Name     string // of a token
	Roles    token.Roles
	Contract string // that a token is limited to; "" for all
	// Refused is why what was sent as a token is none, nil where nothing is wrong. Then
	// the rest says nothing.
	Refused error
}

type whoKey struct{}

// With is a context that knows who asks.
func With(ctx context.Context, w Who) context.Context { return context.WithValue(ctx, whoKey{}, w) }

// From is who asks, as Identify has said.
func From(ctx context.Context) Who {
	w, _ := ctx.Value(whoKey{}).(Who)
	return w
}

// Identify says who sent a request, by what it carries. It does not refuse: see Allow.
func (g *Guard) Identify(r *http.Request) Who {
	by, sent := g.by.Load(), r.Header["Authorization"]
	if len(sent) == 0 {
		return Who{}
	}
	scheme, text, _ := strings.Cut(sent[0], " ")
	if text = strings.TrimSpace(text); len(sent) > 1 || !strings.EqualFold(scheme, "Bearer") || text == "" {
		return Who{Refused: invalid(outcome.TokenInvalid, "Send one token, as Authorization: Bearer …")}
	}
	if by.isRoot(text) {
		return Who{Kind: Root, Roles: token.Operate}
	}
	h, err := token.Parse(text)
	switch {
	case err != nil:
		return Who{Refused: invalid(outcome.TokenInvalid, "What was sent as a token is none")}
	case by.Tokens == nil:
		return Who{Kind: Foreign}
	}
	// The hash of what was sent is looked up, and not the token compared: who knows how
	// long that took knows something about a hash, of which it cannot choose one byte.
	t := by.Tokens.Token(h)
	switch {
	case t == nil:
		return Who{Refused: invalid(outcome.TokenInvalid, "This cluster knows no such token; it may have been revoked long ago")}
	case t.Revoked > 0:
		return Who{Refused: invalid(chain.TokenRevoked, "The token "+t.ID()+" was revoked")}
	case t.Expired(by.Now().Unix()):
		return Who{Refused: invalid(chain.TokenExpired, "The token "+t.ID()+" has expired")}
	}
	return Who{Kind: Token, ID: t.ID(), Name: t.Name, Roles: t.Roles, Contract: t.Contract}
}

// isRoot compares hashes, so that neither the length nor a part of the secret shows in
// the time that it takes.
func (by *rules) isRoot(text string) bool {
	want, got := sha256.Sum256([]byte(by.OperatorSecret)), sha256.Sum256([]byte(text))
	return by.OperatorSecret != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// Allow says why who asks may not do what needs a role, nil where it may. Of whoever
// operates a node it returns more than Identify knew.
func (g *Guard) Allow(r *http.Request, w Who, role token.Roles) (Who, error) {
	by := g.by.Load()
	switch local := role == token.Operate && by.tryingOut(); {
	case w.Refused != nil:
		return w, w.Refused
	case by.Anonymous.Has(role) || w.Roles.Has(role):
		return w, nil
	case w.Kind == Foreign:
		return w, invalid(outcome.TokenInvalid, "A follower does not know the cluster's tokens, and takes its own operator's secret only: ask a member")
	case w.Kind == Token:
		return w, &Refusal{Code: outcome.RoleMissing, Challenge: `Bearer realm="bpsc", error="insufficient_scope", scope="` + role.String() + `"`,
			Detail: "The token " + w.ID + " has the role " + w.Roles.String() + ", and this needs " + role.String()}
	case local && direct(r):
		return Who{Kind: Local, Roles: token.Operate}, nil
	case local:
		return w, required("This is for whoever runs the node: send it from the node's own machine, to 127.0.0.1 and not through a proxy, " +
			"or send a token with the role operate")
	}
	return w, required("Send a token with the role " + role.String() + ", as Authorization: Bearer …")
}

// tryingOut tells whether what comes straight from the node's machine is the operator's.
func (by *rules) tryingOut() bool {
	return by.LocalOperator && by.OperatorSecret == "" && (by.Tokens == nil || !by.Tokens.OperateMade())
}

func required(detail string) error {
	return &Refusal{Code: chain.TokenRequired, Challenge: `Bearer realm="bpsc"`, Detail: detail}
}

// invalid refuses what was sent as a token.
func invalid(code error, detail string) error {
	return &Refusal{Code: code, Challenge: `Bearer realm="bpsc", error="invalid_token"`, Detail: detail}
}

// ForContract says why who asks may do nothing with a contract, nil where it may.
func (w Who) ForContract(contract string) error {
	if w.Contract == "" || w.Contract == contract {
		return nil
	}
	return w.outside("and not for " + contract)
}

// ForAll says why who asks may do nothing that is of no contract, nil where it may.
func (w Who) ForAll() error {
	if w.Contract == "" {
		return nil
	}
	return w.outside("and this is not about one contract")
}

func (w Who) outside(why string) error {
	return forbidden(outcome.OtherContract, "The token "+w.ID+" is for the contract "+w.Contract+", "+why)
}

// Key tells apart who asks, for what each may do so often: by their token, and else by
// their network.
func (w Who) Key(r *http.Request) string {
	switch w.Kind {
	case Token:
		return "token " + w.ID
	case Root:
		return "root"
	}
	return Network(r)
}
