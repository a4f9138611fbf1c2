// Package client talks to the members of a cluster over HTTP: it fails over
// between them, and sends a transaction again under its own id until what
// became of it is known.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/chain"
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

// Unwrap is the stable code, so that errors.Is(err, chain.InsufficientFunds)
// holds for what a server refused for that reason.
func (p *Problem) Unwrap() error { return chain.Code(p.Code) }

// codeForeign stands for an answer that no member gave, such as a proxy's.
const codeForeign = "not_a_bpsc_answer"

const (
	// maxAnswer bounds an answer other than a stream: a block and its frame.
	maxAnswer int64 = 8 << 20
	// defaultAttempt bounds one try at one server.
	defaultAttempt = 5 * time.Second
	// defaultTotal bounds a call whose context has no deadline: six tries at a
	// server that hangs, and longer than any election takes.
	defaultTotal = 30 * time.Second
	// firstPause and lastPause bound the wait between rounds over all servers.
	firstPause = 20 * time.Millisecond
	lastPause  = 500 * time.Millisecond
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
}

// New returns a client of the given servers, http or https URLs or host:port.
// A call asks the one first that answered last.
func New(servers ...string) (*Client, error) {
	if len(servers) == 0 {
		return nil, errors.New("client: no server given")
	}
	c := &Client{http: &http.Client{}, attemptTimeout: defaultAttempt, totalTimeout: defaultTotal}
	for _, s := range servers {
		base, err := baseURL(s)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, base)
	}
	return c, nil
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
	state    bool // a read of what may change
	// again tells that the call may be repeated when its outcome is unknown.
	again bool
	wait  time.Duration // how long the server was asked to think about it
	limit int64         // the longest answer that makes sense; 0 is maxAnswer
}

// do sends the call to one server after the other until one answers for good,
// or until ctx ends. It returns the body of a 2xx answer.
func (c *Client) do(ctx context.Context, q call) ([]byte, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	open := false // some attempt may have had an effect
	pause := firstPause
	var last error
	for {
		for number := range c.inTurn {
			body, err := c.attempt(ctx, number, q)
			if err == nil {
				return body, nil
			}
			if last == nil || ctx.Err() == nil { // what a server said is worth more than that time ran out
				last = err
			}
			if errors.Is(err, ErrOutcomeUnknown) {
				open = true
				if !q.again {
					return nil, err
				}
			} else if !errors.Is(err, ErrUnavailable) {
				return nil, err
			}
		}
		if !wait(ctx, pause) {
			return nil, gaveUp(open, last)
		}
		pause = min(2*pause, lastPause)
	}
}

// wait pauses between two rounds; false means that ctx ended.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// gaveUp is the error of a call that nobody answered for good. open tells that
// some attempt may have had an effect.
func gaveUp(open bool, last error) error {
	if open {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, last)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, last)
}

// attempt sends the call to the server of that number. Its error is a *Problem
// that is an answer for good, or wraps ErrUnavailable or ErrOutcomeUnknown.
func (c *Client) attempt(ctx context.Context, number int, q call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.attemptTimeout+q.wait)
	defer cancel()
	limit := cmp.Or(q.limit, maxAnswer)
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, q.method, c.servers[number]+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		req.Header.Set(protocol.IdempotencyKey, q.key)
	}
	if block := c.seen.block(q.contract); q.state && block > 0 {
		req.Header.Set(protocol.MinBlock, strconv.FormatUint(block, 10))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, transportError(q, connected.Load(), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil || int64(len(body)) > limit {
		return nil, transportError(q, true, errors.Join(err, errors.New("the answer did not arrive whole")))
	}
	if resp.StatusCode < 300 {
		c.answered.Store(int64(number))
		if q.method != http.MethodGet {
			c.seen.note(q.contract, resp.Header.Get(protocol.MinBlock))
		}
		return body, nil
	}
	err = problem(q.method, resp.StatusCode, body)
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrOutcomeUnknown) {
		c.answered.Store(int64(number))
	}
	return nil, err
}

// transportError classes an error without an answer: a connection that was
// never made carried nothing, and a read has no effect to be unsure of.
func transportError(q call, connected bool, err error) error {
	if q.method == http.MethodGet && q.again || !connected {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// problem classes an answer that is not a success. What no member said may come
// from something between, such as a proxy that did not wait, after the ledger has
// applied the request; and so may a member's internal error.
func problem(method string, status int, body []byte) error {
	p := &Problem{}
	foreign := json.Unmarshal(body, p) != nil || p.Code == ""
	if foreign {
		p = &Problem{Code: codeForeign, Detail: cmp.Or(http.StatusText(status), "no answer of a ledger")}
	}
	p.Status = status
	switch {
	case p.Code == string(outcome.Unknown):
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, p)
	case p.Retryable, foreign && notYet(status):
		return fmt.Errorf("%w: %w", ErrUnavailable, p)
	case !foreign && status < http.StatusInternalServerError:
		return p
	case foreign && method == http.MethodGet && status < http.StatusInternalServerError && status != http.StatusRequestTimeout:
		return p
	case method != http.MethodGet:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, p)
	case foreign:
		return fmt.Errorf("%w: %w", ErrUnavailable, p)
	}
	return p
}

// notYet: a proxy has not passed the request on, and may later.
func notYet(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusTooEarly
}
