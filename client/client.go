// Package client talks to the members of a cluster over HTTP: it fails over
// between them, and sends a transaction again under its own id until what
// became of it is known.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/attempt"
	"github.com/bpsc/bpsc/internal/loopback"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// ErrUnavailable: no server took the request; it has no effect.
var ErrUnavailable = errors.New("no server is available")

// ErrOutcomeUnknown: the request may have an effect. Sending the same one under the
// same key is safe.
const ErrOutcomeUnknown = outcome.Unknown

// Problem is a server's refusal (RFC 9457).
type Problem protocol.Problem

// Error shows the detail with its stable code.
func (p *Problem) Error() string { return fmt.Sprintf("%s (%s)", p.Detail, p.Code) }

// Unwrap is the stable code, the ledger's or a node's, so that
// errors.Is(err, chain.InsufficientFunds) holds for what a server refused for that
// reason.
func (p *Problem) Unwrap() []error { return []error{chain.Code(p.Code), outcome.Code(p.Code)} }

const (
	// maxAnswer bounds an answer other than a stream: a block and its frame.
	maxAnswer int64 = 8 << 20
	// maxRedirects is how often a server may send a request elsewhere, which ours never do.
	maxRedirects = 10
	// defaultTotal bounds a call whose context has no deadline: six attempts at
	// a server that hangs, and longer than any election takes.
	defaultTotal = 30 * time.Second
)

// Client is safe for use by many goroutines.
//
// A call ends with its context, or after 30 s where that has no deadline.
type Client struct {
	servers        []string
	http           *http.Client
	attemptTimeout time.Duration
	totalTimeout   time.Duration
	answered       atomic.Int64 // which server answered last: the first to be asked next
	seen           seen

	// Consistency is what reads of accounts, transactions and holds ask for:
	// "" for the newest state of a member, and of a follower for what it has with
	// all that this client was answered for; "local" for what a server has. It is
	// set before the first call.
	Consistency string
	// Pause is how long Blocks waits for a server's next block: 30 s when 0. It is
	// set before the first call.
	Pause time.Duration
	// Token is what requests carry as Authorization: a token of the cluster, or the
	// operator's secret. It goes to the servers of this client alone, and over plain HTTP
	// to other machines only where Insecure says so. Both are set before the first call.
	Token    string
	Insecure bool
}

// ErrTokenInClear: a token would go over plain HTTP to another machine.
var ErrTokenInClear = errors.New("the token would be sent over plain HTTP, where everybody on the way can read it: use https, or say that this is meant (--insecure-token)")

// authorize lets a request carry the token.
func (c *Client) authorize(req *http.Request) error {
	if c.Token == "" {
		return nil
	}
	if !c.Insecure && !loopback.Shelters(req.URL) {
		return fmt.Errorf("%w: %s", ErrTokenInClear, req.URL.Host)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	return nil
}

// withoutToken has a redirect carry no token, but to where the request went.
func withoutToken(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		req.Header.Del("Authorization")
	}
	if len(via) >= maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// New returns a client of the given servers, http or https URLs or host:port.
// A call asks the one first that answered last.
func New(servers ...string) (*Client, error) {
	if len(servers) == 0 {
		return nil, errors.New("client: no server given")
	}
	c := &Client{http: &http.Client{CheckRedirect: withoutToken}, attemptTimeout: attempt.Timeout, totalTimeout: defaultTotal}
	for _, s := range servers {
		base, err := baseURL(s)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, base)
	}
	return c, nil
}

// Trust has c believe servers over https by that configuration, and by no other than the
// system's authorities where it is nil. It is called before the first call.
func (c *Client) Trust(cfg *tls.Config) {
	if cfg == nil {
		return
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = cfg
	c.http = &http.Client{Transport: transport, CheckRedirect: withoutToken}
}

// Also is a client of more servers, those of c first.
func (c *Client) Also(servers ...string) (*Client, error) {
	all := slices.Clone(c.servers)
	for _, s := range servers {
		base, err := baseURL(s)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, base) {
			all = append(all, base)
		}
	}
	return &Client{
		servers: all, http: c.http, attemptTimeout: c.attemptTimeout, totalTimeout: c.totalTimeout,
		Consistency: c.Consistency, Pause: c.Pause, Token: c.Token, Insecure: c.Insecure,
	}, nil
}

// baseURL completes host:port to a URL.
func baseURL(server string) (string, error) {
	full := server
	if !strings.Contains(server, "://") {
		full = "http://" + server
	}
	u, err := url.Parse(full)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("client: %q is neither an http URL nor host:port", server)
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && err != nil {
		return "", fmt.Errorf("client: %q: there is no port %s", server, u.Port())
	}
	if strings.ContainsAny(full, "?#") {
		return "", fmt.Errorf("client: %q: paths are appended to it, so it takes no query and no fragment", server)
	}
	return strings.TrimSuffix(full, "/"), nil
}

// Servers are the base URLs of the servers, in the order they were given.
func (c *Client) Servers() []string { return slices.Clone(c.servers) }

// inTurn yields each server once with its number, the one first that answered
// last.
func (c *Client) inTurn(yield func(number int, server string) bool) {
	first := int(c.answered.Load())
	for i := range c.servers {
		number := (first + i) % len(c.servers)
		if !yield(number, c.servers[number]) {
			return
		}
	}
}

// bounded gives a context without a deadline one.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.totalTimeout)
}

// call is one request as it can be sent to any server.
type call struct {
	method string
	path   string // with query
	key    string // Idempotency-Key, or ""
	body   []byte
	// contract is the token as the call names it, where it is about state: answers
	// to its writes are remembered, and its reads are not older than those.
	contract string
	state    bool          // a read of what may change
	once     bool          // it must not be repeated when its outcome is unknown
	wait     time.Duration // how long the server was asked to think about it
	limit    int64         // the longest answer that makes sense; 0 is maxAnswer
}

// at is a path with the parameters that have a value: name, value, name, value, ….
func at(path string, query ...string) string {
	values := url.Values{}
	for pair := range slices.Chunk(query, 2) {
		if pair[1] != "" {
			values.Set(pair[0], pair[1])
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// number is a parameter that 0 leaves out.
func number[T ~int | ~int64 | ~uint64](n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// do sends the call to one server after the other until one answers for good,
// or until ctx ends. It returns the body of a 2xx answer.
func (c *Client) do(ctx context.Context, q call) ([]byte, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var h attempt.History
	for range attempt.Rounds(ctx) {
		for number := range c.inTurn {
			a := c.attempt(ctx, number, q)
			switch {
			case a.Verdict == attempt.Applied:
				return a.Body, nil
			case a.Verdict == attempt.Refused, a.Verdict == attempt.Unknown && q.once:
				return nil, failure(&a)
			}
			h.Note(ctx, a.Verdict, failure(&a))
		}
	}
	return nil, gaveUp(&h)
}

// attempt sends the call to the server of that number.
func (c *Client) attempt(ctx context.Context, number int, q call) attempt.Attempt {
	ctx, cancel := context.WithTimeout(ctx, c.attemptTimeout+q.wait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, q.method, c.servers[number]+q.path, bytes.NewReader(q.body))
	if err != nil {
		return attempt.Attempt{Verdict: attempt.Refused, Err: err}
	}
	trace(req)
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		req.Header.Set(protocol.IdempotencyKey, q.key)
	}
	if err := c.authorize(req); err != nil {
		return attempt.Attempt{Verdict: attempt.Refused, Err: err}
	}
	if block := c.seen.block(q.contract); q.state && block > 0 {
		req.Header.Set(protocol.MinBlock, strconv.FormatUint(block, 10))
	}
	a := attempt.Do(c.http.Do, req, cmp.Or(q.limit, maxAnswer))
	switch a.Verdict {
	case attempt.Applied:
		c.answered.Store(int64(number))
		if q.method != http.MethodGet {
			c.seen.note(q.contract, a.Header.Get(protocol.MinBlock))
		}
	case attempt.Refused:
		c.answered.Store(int64(number))
	}
	return a
}

// failure is the error of an attempt; nil of a success.
func failure(a *attempt.Attempt) error {
	if a.Verdict == attempt.Applied {
		return nil
	}
	err := a.Err
	if err == nil {
		err = (*Problem)(&a.Problem)
	}
	switch a.Verdict {
	case attempt.NotApplied:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case attempt.Unknown:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// gaveUp is the error of a call that nobody answered for good.
func gaveUp(h *attempt.History) error {
	kind := ErrUnavailable
	if h.Open {
		kind = ErrOutcomeUnknown
	}
	if errors.Is(h.Last, kind) {
		return h.Last
	}
	return fmt.Errorf("%w: %w", kind, h.Last)
}
