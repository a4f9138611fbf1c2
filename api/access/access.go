// Package access says who asks a node for something, and whether they may: pages of
// other sites, whoever sends a token, and the operator on the node's own machine. See
// docs/adr/0042-tokens.md.
package access

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/token"
)

// Tokens is what a member's state has about tokens.
type Tokens interface {
	// Token returns what is known of the token with a hash; nil of none.
	Token(h token.Hash) *token.Token
	// OperateMade tells whether there has ever been a token that may do what
	// operators do.
	OperateMade() bool
}

// Config says from whom a node takes what.
type Config struct {
	// Hosts are the names under which the node is called, besides localhost and IP
	// addresses; Origins (scheme://host:port) are whose pages may write.
	Hosts, Origins []string

	// OperatorSecret is the root token, which may do everything: it makes the first of
	// the others. There is none when it is empty.
	OperatorSecret string

	// LocalOperator takes what comes straight from the node's machine for the
	// operator's, where there is no root token and has never been one of the cluster's
	// with the role operate. It is for a node that nobody reaches from elsewhere.
	LocalOperator bool

	// Anonymous is what needs no token.
	Anonymous token.Roles

	// Tokens are the cluster's; nil on a follower, which knows none.
	Tokens Tokens

	// Now is the time by which tokens expire; nil is the machine's.
	Now func() time.Time
}

// DefaultConfig is for a node on loopback: everybody there may read and write, and is its
// operator until there is a token for that.
func DefaultConfig() Config {
	return Config{LocalOperator: true, Anonymous: token.Read | token.Submit}
}

// Validate says what is wrong with c.
func (c *Config) Validate() error {
	if c.Anonymous != 0 && (!c.Anonymous.Valid() || c.Anonymous.Has(token.Operate)) {
		return errors.New("access: without a token there is read and submit, and no operator")
	}
	return nil
}

// Refusal is why somebody may not do something.
type Refusal struct {
	Code   error  // stable
	Detail string // for people
	// Challenge is what WWW-Authenticate says, "" where no token would help.
	Challenge string
}

func (r *Refusal) Error() string { return r.Code.Error() }
func (r *Refusal) Unwrap() error { return r.Code }

// Guard decides. It is safe for concurrent use.
type Guard struct{ by atomic.Pointer[rules] }

// rules are what a guard goes by; they do not change.
type rules struct {
	Config
	site *site
}

// New returns a guard.
func New(cfg Config) (*Guard, error) {
	g := &Guard{}
	take, err := g.Prepare(cfg)
	if err == nil {
		take()
	}
	return g, err
}

// Prepare checks a configuration that is to take the place of the present one, which take
// lets happen.
func (g *Guard) Prepare(cfg Config) (take func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	site, err := newSite(cfg)
	if err != nil {
		return nil, err
	}
	return func() { g.by.Store(&rules{cfg, site}) }, nil
}

func forbidden(code outcome.Code, detail string) error { return &Refusal{Code: code, Detail: detail} }
