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

// Client asks witnesses for cosignatures. It is safe for use by many goroutines.
type Client struct {
	http    *http.Client
	timeout time.Duration
}

// NewClient returns a client that gives a witness ten seconds and follows no
// redirects: a witness is where the policy says, or nowhere. trusted says who is believed
// over https; nil: the system's authorities.
func NewClient(trusted *tls.Config) *Client {
	transport := &http.Transport{
		TLSClientConfig:        trusted,
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &http.Client{Transport: transport, CheckRedirect: stay}, timeout: attemptTimeout}
}

// Close ends the connections that wait for another request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// add sends a checkpoint to the witness at url, with the proof that it follows
// from the one of size old that the witness has, and returns the line of its
// cosignature, verified with key and without newline. Errors wrap errStale,
// errRefused, errUnreachable, errBadAnswer, or one of proof.ReadCheckpoint.
func (c *Client) add(ctx context.Context, url string, key proof.VerifierKey, old uint64, path []chain.Hash, note []byte) (line string, err error) {
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
		return "", fmt.Errorf("%w: %d, %s", errUnreachable, status, quote(answer))
	case status >= 400:
		return "", &refusedError{status: status, reason: quote(answer)}
	}
	return "", fmt.Errorf("%w: status %d", errBadAnswer, status)
}

// AddHandover tells the witness at url that the members have changed. A witness
// that began with a newer policy does not know the one before, and one of others
// knows no handovers: both are no errors. Errors wrap errRefused, errUnreachable or
// errBadAnswer.
func (c *Client) AddHandover(ctx context.Context, url string, note []byte) error {
	status, _, answer, err := c.post(ctx, strings.TrimSuffix(url, "/")+handoverPath, note)
	switch {
	case err != nil:
		return err
	case status == http.StatusOK, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return nil
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return fmt.Errorf("%w: %d, %s", errUnreachable, status, quote(answer))
	case status >= 400:
		return &refusedError{status: status, reason: quote(answer)}
	}
	return fmt.Errorf("%w: status %d", errBadAnswer, status)
}

// post sends a body and reads the whole answer.
func (c *Client) post(ctx context.Context, url string, body []byte) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	if len(answer) > maxAnswerBytes {
		return 0, nil, nil, fmt.Errorf("%w: it has more than %d bytes", errBadAnswer, maxAnswerBytes)
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
	return "", fmt.Errorf("%w: no cosignature by %s: %w", errBadAnswer, key.Name(), reason)
}

// readConflict reads what comes with 409: the size that the witness has.
func readConflict(header http.Header, answer []byte) error {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	digits, ended := strings.CutSuffix(string(answer), "\n")
	if err != nil || kind != sizeType || !ended {
		return &refusedError{status: http.StatusConflict, reason: quote(answer)}
	}
	size, err := decodeSize(digits)
	if err != nil || size > proof.MaxSize {
		return fmt.Errorf("%w: a log of %s blocks", errBadAnswer, quote(answer))
	}
	return &staleError{size}
}

// quote is the text of an answer, fit for a log.
func quote(answer []byte) string {
	return fmt.Sprintf("%.*q", maxReason, strings.TrimSpace(string(answer)))
}

// Why there is no cosignature, for members that ask.
var (
	// errStale: the witness has another checkpoint than the proof begins with.
	// It comes as a *staleError.
	errStale = errors.New("the witness has another checkpoint")
	// errRefused: the witness does not cosign this. It comes as a *refusedError.
	errRefused = errors.New("the witness refuses")
	// errUnreachable: there is no answer now, perhaps later.
	errUnreachable = errors.New("the witness does not answer")
	// errBadAnswer: no witness answers so, or not the one with this key. The
	// address or the key in the policy is another's.
	errBadAnswer = errors.New("that is no answer of this witness")
	// ErrRolledBack: the witness has seen more blocks than there are. A member that
	// lags behind its cluster gets it too: it is the truth about the cluster only
	// where the witness has seen more than the cluster has.
	ErrRolledBack = errors.New("this cluster went back in time")
	// ErrSecondHistory: the witness has seen other blocks than these. It never
	// cosigns this history, and nobody who trusts it may accept it.
	ErrSecondHistory = errors.New("this is a second history: the witness has seen other blocks of this chain and will never cosign these")
)

// staleError tells which size to begin a proof with.
type staleError struct {
	size uint64 // of the newest checkpoint the witness cosigned; 0: none
}

// Error says which size that is.
func (e *staleError) Error() string { return fmt.Sprintf("%v: it is at %d blocks", errStale, e.size) }

// Unwrap is errStale.
func (e *staleError) Unwrap() error { return errStale }

// refusedError is a refusal with its reason.
type refusedError struct {
	status int    // of HTTP: 403 signatures, 404 origin, 422 proof; 400 or 409, and others
	reason string // the witness's own words, quoted and cut
}

// Error says why.
func (e *refusedError) Error() string {
	return fmt.Sprintf("%v: %d, %s", errRefused, e.status, e.reason)
}

// Unwrap is errRefused.
func (e *refusedError) Unwrap() error { return errRefused }

// rolledBack is ErrRolledBack for the operator.
func rolledBack(seen, have uint64) error {
	return fmt.Errorf("%w: the witness has seen %d blocks, this cluster has %d. "+
		"It will not cosign until the cluster has the blocks up to %d again, the same ones: wait for the members that have them. "+
		"Other blocks in their place are a second history, which it never cosigns", ErrRolledBack, seen, have, seen)
}
