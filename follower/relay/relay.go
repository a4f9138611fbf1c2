// Package relay passes writes on to the BPSC and brings its answers back, and
// asks it what this node cannot know. A write is sent again, to the same upstream
// or another, only where that cannot make a second transaction of it.
package relay

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/bpsc/bpsc/internal/attempt"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Upstreams returns the base URLs to try for a contract, the best first: its
// members, or followers nearer to them. It is asked anew for each round.
type Upstreams func(token string) []string

// Relay is safe for use by many goroutines. It has none of its own but those of
// its connections.
type Relay struct {
	cfg       Config
	upstreams Upstreams
	transport *http.Transport
	places    chan struct{} // one token for each attempt under way
}

// New returns a relay. Close it after use.
func New(cfg Config, upstreams Upstreams) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if upstreams == nil {
		return nil, errors.New("relay: upstreams are needed")
	}
	dialer := &net.Dialer{Timeout: cfg.AttemptTimeout}
	// Half of the connections may be kept though nobody uses them.
	busy, perHost := (cfg.Connections+1)/2, min(maxConns, (cfg.Connections+1)/2)
	return &Relay{cfg: cfg, upstreams: upstreams, places: make(chan struct{}, busy), transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: cfg.AttemptTimeout,
		TLSClientConfig:     cfg.TLS,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // bytes are passed on as they come
		MaxConnsPerHost:     perHost,
		MaxIdleConnsPerHost: perHost,
		MaxIdleConns:        busy,
		IdleConnTimeout:     idleTimeout,
	}}, nil
}

// Close closes the connections that are not in use.
func (r *Relay) Close() { r.transport.CloseIdleConnections() }

// Do passes q on until an upstream answers for good, or ctx or the budget ends.
//
// Answers for good are 2xx, 4xx, and problems that are not retryable; a 503 or
// a 504 is brought back as it came when nothing better did. The error is
// outcome.NoUpstream, outcome.RelayLoop, or an *outcome.UnknownError.
func (r *Relay) Do(ctx context.Context, q protocol.RelayRequest) (protocol.RelayAnswer, error) {
	s, err := r.newRequest(q)
	if err != nil {
		return protocol.RelayAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Budget)
	defer cancel()
	for range attempt.Rounds(ctx) {
		upstreams := r.upstreams(q.Token)
		if len(upstreams) == 0 {
			break
		}
		for _, upstream := range upstreams {
			if ctx.Err() != nil {
				break
			}
			if done := s.try(ctx, upstream); done {
				return s.answer, s.err
			}
		}
	}
	return s.gaveUp()
}
