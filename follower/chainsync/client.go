package chainsync

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/bpsc/bpsc/internal/loopback"
)

const (
	typeLines = "application/x-ndjson"
	typeJSON  = "application/json"
	typeText  = "text/plain"
	typeBytes = "application/octet-stream"
)

var (
	errNoAnswer = errors.New("no answer in time")
	errTooSlow  = errors.New("too slow")
)

// httpClient makes requests to upstreams, which may answer anything, in any time,
// at any length. All chains share one.
type httpClient struct {
	cfg  *Config
	http *http.Client
}

func newHTTPClient(cfg *Config) *httpClient {
	transport := cfg.transport
	if transport == nil {
		dial, proxy := cfg.way()
		transport = &http.Transport{
			Proxy:                  proxy,
			DialContext:            dial,
			TLSHandshakeTimeout:    cfg.HeaderTimeout,
			TLSClientConfig:        cfg.TLS,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    idleConns,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableCompression:     true, // what is counted is what is hashed
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &httpClient{cfg, &http.Client{Transport: transport, CheckRedirect: stay}}
}

// response is an answer of the wanted type whose body is yet to be read.
type response struct {
	header http.Header
	body   pacedReader
	parent context.Context // ours; when it ends that is nobody's fault
	ctx    context.Context // the request's; its cause says why we ended it
	cancel context.CancelCauseFunc
}

// end lets go of the connection. It must be called.
func (r *response) end() {
	r.body.cut.Stop()
	r.cancel(nil)
	_ = r.body.Close() // nothing is expected of it any more
}

// get asks one URL. wait is how long the upstream was asked to take. The error
// is a *refusal, or ctx's.
func (c *httpClient) get(parent context.Context, target, mediaType string, wait time.Duration) (*response, error) {
	ctx, cancel := context.WithCancelCause(parent)
	limit := time.AfterFunc(c.cfg.HeaderTimeout+wait, func() { cancel(errNoAnswer) })
	defer limit.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	req.Header.Set("Accept", mediaType)
	req.Header.Set("User-Agent", "bpsc-follower")
	if c.cfg.Token != "" && loopback.Shelters(req.URL) {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	resp, err := c.http.Do(req) //nolint:bodyclose // response.end does
	if err != nil {
		defer cancel(nil)
		return nil, unreachable(parent, ctx, err)
	}
	slow := time.AfterFunc(c.cfg.Grace, func() { cancel(errTooSlow) })
	slow.Stop()
	r := &response{header: resp.Header, parent: parent, ctx: ctx, cancel: cancel}
	r.body = pacedReader{ReadCloser: resp.Body, cut: slow, grace: c.cfg.Grace, left: c.cfg.Grace, rate: c.cfg.MinRate}
	if err := acceptable(resp, mediaType); err != nil {
		r.end()
		return nil, err
	}
	return r, nil
}

// read asks for a whole body, of which at most one byte more than allowed is
// read: who parses it says that it is too large.
func (c *httpClient) read(ctx context.Context, target, mediaType string, most int64) ([]byte, error) {
	r, err := c.get(ctx, target, mediaType, 0)
	if err != nil {
		return nil, err
	}
	defer r.end()
	data, err := io.ReadAll(io.LimitReader(&r.body, most+1))
	if err != nil {
		return nil, r.failed(err)
	}
	return data, nil
}

// json asks for one object of at most so many bytes.
func (c *httpClient) json(ctx context.Context, target string, most int64, v any) error {
	data, err := c.read(ctx, target, typeJSON, most)
	switch {
	case err != nil:
		return err
	case int64(len(data)) > most:
		return refuse(Endless, "more than %d bytes about its contracts", most)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return refuse(NotAChain, "what it says of its contracts is not JSON: %s", clip(err.Error()))
	}
	return nil
}

// acceptable says what is wrong with an answer before its body is looked at.
func acceptable(resp *http.Response, mediaType string) error {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return refuse(Redirected, "it answers %d, to go to %q", resp.StatusCode, clip(resp.Header.Get("Location")))
	}
	if resp.StatusCode != http.StatusOK {
		r := refuse(BadStatus, "it answers %d", resp.StatusCode)
		r.status = resp.StatusCode
		return r
	}
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || got != mediaType {
		return refuse(NotAChain, "it answers with %q, not %s", clip(resp.Header.Get("Content-Type")), mediaType)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return refuse(NotAChain, "it answers in the encoding %q, which was not asked for", clip(encoding))
	}
	return nil
}

// unreachable classes an error before there was an answer.
func unreachable(parent, ctx context.Context, err error) error {
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return refuse(Unreachable, "%s", clip(err.Error()))
}

// failed classes an error while the body was read.
func (r *response) failed(err error) error {
	switch {
	case r.parent.Err() != nil:
		return context.Cause(r.parent)
	case errors.Is(err, errTooSlow), errors.Is(context.Cause(r.ctx), errTooSlow):
		return refuse(TooSlow, "it paused, or came with less than %d bytes a second", r.body.rate)
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return refuse(Truncated, "the answer broke off: %s", clip(err.Error()))
}

// pacedReader reads a body that must not come too slowly. Only time spent
// waiting for it counts: that we are slow to take it is not its fault.
type pacedReader struct {
	io.ReadCloser
	cut   *time.Timer // ends the request
	grace time.Duration
	left  time.Duration // it may still make us wait; at most grace
	rate  int           // bytes that earn a second
}

func (p *pacedReader) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, errTooSlow
	}
	began := time.Now()
	p.cut.Reset(p.left)
	n, err := p.ReadCloser.Read(b)
	p.cut.Stop()
	earned := time.Duration(n) * time.Second / time.Duration(p.rate)
	p.left = min(p.left-time.Since(began)+earned, p.grace)
	return n, err
}

// clip shortens text from outside.
func clip(text string) string {
	if len(text) > maxDetail {
		return text[:maxDetail] + "…"
	}
	return text
}
