package relay

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"time"
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

	// Random gives the keys of transactions that come without. It must be safe
	// for concurrent use and unpredictable.
	Random io.Reader

	// Logger gets the attempts that failed, at debug level.
	Logger *slog.Logger
}

// DefaultConfig outlasts an election and a member's own time for a write.
func DefaultConfig() Config {
	return Config{
		AttemptTimeout: 5 * time.Second,
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
