// Package relay passes writes on to the BPSC and brings its answers back, and
// asks it what this node cannot know. A write is sent again, to the same upstream or another, only where that cannot
// make a second transaction of it.
package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"
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

// Request is a POST as a client sent it, or a GET of something that this node
// has not.
type Request struct {
	Read       bool        // a GET: it has no effect, so it can be sent any number of times
	Token      string      // the contract, which the upstream is told in any case
	Chain      string      // the id of its chain: an upstream with another one refuses
	Signed     bool        // the contract has signed wallets
	Repeatable bool        // every part has a key of its own: sent twice it is done once
	Path       string      // escaped as it came
	Query      url.Values  // of which contract is replaced
	Header     http.Header // all of the client's; few are passed on
	Body       []byte      // the relay's to read, also after Do has returned
}

// Answer is what the upstream said.
type Answer struct {
	Status int
	Header http.Header // only what may be passed back
	Body   []byte
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
// outcome.NoUpstream, outcome.RelayLoop, or an *outcome.UnknownError, which is outcome.Unknown.
func (r *Relay) Do(ctx context.Context, q Request) (Answer, error) {
	t, err := r.newTrip(q)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Budget)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		upstreams := r.upstreams(q.Token)
		if len(upstreams) == 0 {
			return t.gaveUp()
		}
		for _, upstream := range upstreams {
			if ctx.Err() != nil {
				break
			}
			if done := t.try(ctx, upstream); done {
				return t.answer, t.err
			}
		}
		if !wait(ctx, pause) {
			return t.gaveUp()
		}
	}
}

// wait pauses between two rounds, for half to all of pause, so that relays that
// failed together do not come back together. False means that ctx has ended, or
// will before another attempt is likely to: one that is cut off has an unknown
// outcome, where there would have been none.
func wait(ctx context.Context, pause time.Duration) bool {
	pause = pause/2 + rand.N(pause/2)
	if end, ok := ctx.Deadline(); ok && time.Until(end) < pause+leastAttempt {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
