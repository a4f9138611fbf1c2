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
	"strings"
	"sync/atomic"
	"time"
)

var (
	// ErrUnavailable: no server took the request; it has no effect.
	ErrUnavailable = errors.New("no server is available")
	// ErrOutcomeUnknown: the request may have an effect. Sending the same one
	// under the same key is safe.
	ErrOutcomeUnknown = errors.New("outcome unknown")
)

// Problem is a server's refusal (RFC 9457).
type Problem struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Retryable bool   `json:"retryable"`
}

// Error shows the detail with its stable code.
func (p *Problem) Error() string { return fmt.Sprintf("%s (%s)", p.Detail, p.Code) }

// codeUnknown is the code of an answer that leaves the outcome open.
const codeUnknown = "outcome_unknown"

// codeForeign stands for an answer that no member gave, such as a proxy's.
const codeForeign = "not_a_bpsc_answer"

const (
	// maxAnswer bounds an answer other than a stream: a block and its frame.
	maxAnswer int64 = 8 << 20
	// defaultAttempt bounds one try at one server.
	defaultAttempt = 5 * time.Second
	// firstPause and lastPause bound the wait between rounds over all servers.
	firstPause = 20 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// Client is safe for use by many goroutines.
type Client struct {
	servers        []string
	http           *http.Client
	attemptTimeout time.Duration
}

// New returns a client of the given base URLs, tried in order.
func New(servers ...string) (*Client, error) {
	if len(servers) == 0 {
		return nil, errors.New("client: no server given")
	}
	c := &Client{http: &http.Client{}, attemptTimeout: defaultAttempt}
	for _, s := range servers {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("client: %q is not an http URL", s)
		}
		c.servers = append(c.servers, strings.TrimSuffix(s, "/"))
	}
	return c, nil
}

// call is one request as it can be sent to any server.
type call struct {
	method string
	path   string // with query
	key    string // Idempotency-Key, or ""
	body   []byte
	// again tells that the call may be repeated when its outcome is unknown.
	again bool
	wait  time.Duration // how long the server was asked to think about it
	limit int64         // the longest answer that makes sense; 0 is maxAnswer
}

// do sends the call to one server after the other until one answers for good,
// or until ctx ends. It returns the body of a 2xx answer.
func (c *Client) do(ctx context.Context, q call) ([]byte, error) {
	open := false // some attempt may have had an effect
	pause := firstPause
	var last error
	for {
		for _, server := range c.servers {
			body, err := c.attempt(ctx, server, q)
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

// attempt sends the call to one server. Its error is a *Problem that is an
// answer for good, or wraps ErrUnavailable or ErrOutcomeUnknown.
func (c *Client) attempt(ctx context.Context, server string, q call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.attemptTimeout+q.wait)
	defer cancel()
	limit := cmp.Or(q.limit, maxAnswer)
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, q.method, server+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
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
		return body, nil
	}
	return nil, problem(resp.StatusCode, body)
}

// transportError classes an error without an answer: a connection that was
// never made carried nothing, and a read has no effect to be unsure of.
func transportError(q call, connected bool, err error) error {
	if q.method == http.MethodGet && q.again || !connected {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

func problem(status int, body []byte) error {
	p := &Problem{Status: status}
	if err := json.Unmarshal(body, p); err != nil || p.Code == "" {
		p = &Problem{Status: status, Code: codeForeign, Detail: http.StatusText(status)}
	}
	p.Status = status
	switch {
	case p.Code == codeUnknown:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, p)
	case p.Retryable:
		return fmt.Errorf("%w: %w", ErrUnavailable, p)
	}
	return p
}
