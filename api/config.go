package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/internal/admitted"
)

// Config is what the API can be told. Start from DefaultConfig.
type Config struct {
	// WriteTimeout is how long a write may take before it is answered with
	// outcome_unknown or not_ordered. An election takes a second at worst.
	WriteTimeout time.Duration

	// ReadTimeout is how long a read waits for the level it asked for
	// (consistency, min_index) before it is answered with behind.
	ReadTimeout time.Duration

	// CatchUpTimeout is how long an answer to a write that was applied waits
	// for this replica to see it as well.
	CatchUpTimeout time.Duration

	// ChunkTimeout is how long a client may take for 64 KiB of an answer before
	// the connection is closed.
	ChunkTimeout time.Duration

	// Connections is how many clients may be connected, the spare ones included;
	// of eight of the others five with events, two with long polls and chains.
	Connections int

	// Logger gets internal errors, and every request at debug level.
	Logger *slog.Logger

	// Random gives the ids of transactions that come without a key, and of
	// requests. It must be safe for concurrent use and unpredictable.
	Random io.Reader

	// Admitted gets the signatures of transactions that were verified here; nil: nobody
	// asks for them.
	Admitted *admitted.Signatures

	// KeepAlive is how often something is sent to a reader of events to whom
	// nothing happens. Proxies drop connections that are silent for a minute.
	KeepAlive time.Duration

	// Measure counts a request by the pattern of its route, "" for none, its method and
	// the status of its answer; nil: nobody counts. It is called at the end of each
	// request, and must be quick and safe for concurrent use.
	Measure func(route, method string, status int, took time.Duration)

	// Problem counts a request that was answered with a problem, by its code, one of
	// problem.Codes; nil: nobody counts. It is as Measure is.
	Problem func(code string)

	// Metrics answers GET /metrics; nil is no such path.
	Metrics http.Handler

	// Backup writes a backup of this member's state, for GET /v1/backup; nil is no
	// such path.
	Backup func(ctx context.Context, out io.Writer) error

	// Certificates are those that the node shows at the moment; nil for none.
	Certificates func() []CertificateStatus
	// Diagnostics answers the operator's GET /v1/diagnostics; nil is no such path.
	Diagnostics Diagnostician

	// Config says from whom this node takes what, where there is no Guard that does.
	access.Config
	Guard *access.Guard

	// Edge holds clients to how much they may ask for.
	Edge *edge.Guard

	// DefaultConfigured: the configuration names the default contract. Until it
	// is there nobody makes another one.
	DefaultConfigured bool

	// Version is shown in the cluster's status and in a follower's.
	Version string
}

// DefaultConfig is a Config that suits a cluster in one data centre.
func DefaultConfig() Config {
	return Config{
		Config:         access.DefaultConfig(),
		WriteTimeout:   10 * time.Second,
		ReadTimeout:    5 * time.Second,
		CatchUpTimeout: 5 * time.Second,
		ChunkTimeout:   30 * time.Second,
		Connections:    MaxConnections,
		KeepAlive:      15 * time.Second,
		Logger:         slog.New(slog.DiscardHandler),
		Random:         rand.Reader,
		Edge:           edge.NewGuard(edge.DefaultConfig()),
	}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.WriteTimeout <= 0 || c.ReadTimeout <= 0 || c.CatchUpTimeout <= 0 || c.ChunkTimeout <= 0 || c.KeepAlive <= 0:
		return errors.New("api: every timeout must be more than nothing")
	case c.Connections < spareConnections+ofShares || c.Connections > MaxConnections:
		return fmt.Errorf("api: %d connections; %d to %d are possible", c.Connections, spareConnections+ofShares, MaxConnections)
	case c.Logger == nil:
		return errors.New("api: a logger is needed")
	case c.Edge == nil:
		return errors.New("api: a guard is needed")
	case c.Random == nil:
		return errors.New("api: a source of random bytes is needed")
	}
	return nil
}

// eventReaders is how many streams of events there may be.
func (c Config) eventReaders() int {
	return min(maxEventReaders, (c.Connections-spareConnections)*eventShares/ofShares)
}

// longReads is how many long polls and streams of chains there may be.
func (c Config) longReads() int {
	return min(maxLongReads, (c.Connections-spareConnections)*longReadShares/ofShares)
}
