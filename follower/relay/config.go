package relay

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/bpsc/bpsc/internal/attempt"
)

// The bounds of a relay, each with its reason. The body of a request is bounded by
// whoever takes it, the pauses between rounds by package attempt.
const (
	// maxAnswer bounds an answer, which is held in memory: twice the largest
	// that a member gives, the results of a batch of 10,000.
	maxAnswer = 16 << 20

	// maxHops is how many relays a request may pass: a tree of followers is
	// three or four deep, and a loop ends soon.
	maxHops = 8

	// maxConns bounds the connections to one upstream, and to all of them where the
	// configuration says nothing else. A member is at its best with half of them.
	maxConns = 512

	// idleTimeout is how long an unused connection is kept: less than the two
	// minutes after which a member closes it.
	idleTimeout = time.Minute
)

// Config is what a relay can be told. Start from DefaultConfig.
type Config struct {
	// AttemptTimeout is how long one upstream may take to answer, or to accept
	// a connection, before the next one is asked. A request that may not be
	// sent again is waited for until the budget ends.
	AttemptTimeout time.Duration

	// Budget is how long a request may take with all its attempts.
	Budget time.Duration

	// Connections is how many there may be to all upstreams; more requests wait
	// for a free one.
	Connections int

	// TLS is for upstreams with https; nil: the system's authorities.
	TLS *tls.Config

	// Random gives the keys of transactions that come without. It must be safe
	// for concurrent use and unpredictable.
	Random io.Reader

	// Token is this node's own, for reads of clients that send none: who may read here may
	// read there. It goes where nobody on the way reads it.
	Token string

	// Logger gets the attempts that failed, at debug level.
	Logger *slog.Logger
}

// DefaultConfig outlasts an election and a member's own time for a write.
func DefaultConfig() Config {
	return Config{
		AttemptTimeout: attempt.Timeout,
		Budget:         12 * time.Second,
		Connections:    maxConns,
		Random:         rand.Reader,
		Logger:         slog.New(slog.DiscardHandler),
	}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.AttemptTimeout <= 0 || c.Budget <= 0:
		return errors.New("relay: every timeout must be more than nothing")
	case c.Connections <= 0:
		return errors.New("relay: at least one connection is needed")
	case c.Random == nil:
		return errors.New("relay: a source of random bytes is needed")
	case c.Logger == nil:
		return errors.New("relay: a logger is needed")
	}
	return nil
}
