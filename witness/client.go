package witness

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// ClientConfig is how witnesses are reached. Start from DefaultClientConfig.
type ClientConfig struct {
	Timeout time.Duration // of one attempt
	TLS     *tls.Config   // nil: the machine's own authorities
}

// DefaultClientConfig gives a witness ten seconds.
func DefaultClientConfig() ClientConfig { return ClientConfig{Timeout: attemptTimeout} }

// Validate says what is wrong with c.
func (c ClientConfig) Validate() error {
	if c.Timeout <= 0 {
		return errors.New("witness: an attempt needs time")
	}
	return nil
}

// Client asks witnesses for cosignatures. It is safe for use by many goroutines.
type Client struct {
	http    *http.Client
	timeout time.Duration
}

// NewClient returns a client that follows no redirects: a witness is where the
// policy says, or nowhere.
func NewClient(cfg ClientConfig) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        cfg.TLS,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &http.Client{Transport: transport, CheckRedirect: stay}, timeout: cfg.Timeout}, nil
}

// Close ends the connections that wait for another request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Add sends a checkpoint to the witness at url, with the proof that it follows
// from the one of size old that the witness has, and returns the line of its
// cosignature, verified with key and without newline. Errors wrap ErrStale,
// ErrRefused, ErrUnreachable, ErrBadAnswer, or one of proof.ReadCheckpoint.
func (c *Client) Add(ctx context.Context, url string, key proof.VerifierKey, old uint64, path []chain.Hash, note []byte) (line string, err error) {
	checkpoint, err := proof.ReadCheckpoint(note)
	if err != nil {
		return "", err
	}
	if len(path) > maxHashes {
		return "", fmt.Errorf("%w: path of %d", proof.ErrSize, len(path))
	}
	status, header, answer, err := c.post(ctx, strings.TrimSuffix(url, "/")+addPath, (&request{old: old, path: path, note: note}).encode())
	if err != nil {
		return "", err
	}
	switch {
	case status == http.StatusOK:
		return findLine(checkpoint.Body(), key, string(answer))
	case status == http.StatusConflict:
		return "", readConflict(header, answer)
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return "", fmt.Errorf("%w: %d, %s", ErrUnreachable, status, quote(answer))
	case status >= 400:
		return "", &RefusedError{Status: status, Reason: quote(answer)}
	}
	return "", fmt.Errorf("%w: status %d", ErrBadAnswer, status)
}

// post sends a body and reads the whole answer.
func (c *Client) post(ctx context.Context, url string, body []byte) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if len(answer) > maxAnswerBytes {
		return 0, nil, nil, fmt.Errorf("%w: it has more than %d bytes", ErrBadAnswer, maxAnswerBytes)
	}
	return resp.StatusCode, resp.Header, answer, nil
}

// findLine finds the signature by key. Those of other keys do not count.
func findLine(body []byte, key proof.VerifierKey, answer string) (string, error) {
	reason := errors.New("the answer is empty")
	for line := range strings.Lines(answer) {
		line = strings.TrimSuffix(line, "\n")
		if reason = key.CheckLine(body, line); reason == nil {
			return line, nil
		}
	}
	return "", fmt.Errorf("%w: no cosignature by %s: %w", ErrBadAnswer, key.Name(), reason)
}

// readConflict reads what comes with 409: the size that the witness has.
func readConflict(header http.Header, answer []byte) error {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	digits, ended := strings.CutSuffix(string(answer), "\n")
	if err != nil || kind != sizeType || !ended {
		return &RefusedError{Status: http.StatusConflict, Reason: quote(answer)}
	}
	size, err := decodeSize(digits)
	if err != nil || size > proof.MaxSize {
		return fmt.Errorf("%w: a log of %s blocks", ErrBadAnswer, quote(answer))
	}
	return &StaleError{Size: size}
}

// quote is what a stranger says, fit for a log.
func quote(answer []byte) string {
	return fmt.Sprintf("%.*q", maxReason, strings.TrimSpace(string(answer)))
}
