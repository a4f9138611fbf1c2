package chainsync

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

var (
	errNoAnswer = errors.New("no answer in time")
	errTooSlow  = errors.New("too slow")
)

// web makes requests to upstreams, which may answer anything, in any time, at
// any length.
type web struct {
	cfg    *Config
	client *http.Client
}

func newWeb(cfg *Config) *web {
	transport := cfg.transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: cfg.DialTimeout}).DialContext,
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
	return &web{cfg, &http.Client{Transport: transport, CheckRedirect: stay}}
}

func (w *web) close() { w.client.CloseIdleConnections() }

// reply is an answer of the wanted type whose body is yet to be read.
type reply struct {
	header http.Header
	body   paced
	parent context.Context // ours; when it ends that is nobody's fault
	ctx    context.Context // the request's; its cause says why we ended it
	end    func()          // must be called
}

// get asks one URL. wait is how long the upstream was asked to take. The error
// is a *refusal, or ctx's.
func (w *web) get(parent context.Context, target, mediaType string, wait time.Duration) (*reply, error) {
	ctx, cancel := context.WithCancelCause(parent)
	limit := time.AfterFunc(w.cfg.HeaderTimeout+wait, func() { cancel(errNoAnswer) })
	defer limit.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	req.Header.Set("Accept", mediaType)
	req.Header.Set("User-Agent", "bpsc-follower")
	resp, err := w.client.Do(req)
	if err != nil {
		defer cancel(nil)
		return nil, unreachable(parent, ctx, err)
	}
	r := &reply{header: resp.Header, parent: parent, ctx: ctx}
	slow := time.AfterFunc(w.cfg.Grace, func() { cancel(errTooSlow) })
	slow.Stop()
	r.body = paced{body: resp.Body, cut: slow, grace: w.cfg.Grace, left: w.cfg.Grace, rate: w.cfg.MinRate}
	r.end = func() {
		slow.Stop()
		cancel(nil)
		_ = resp.Body.Close() // nothing is expected of it any more
	}
	if err := acceptable(resp, mediaType); err != nil {
		r.end()
		return nil, err
	}
	return r, nil
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
func (r *reply) failed(err error) error {
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

// paced reads a body that must not come too slowly. Only time spent waiting
// for it counts: that we are slow to take it is not its fault.
type paced struct {
	body  io.Reader
	cut   *time.Timer // ends the request
	grace time.Duration
	left  time.Duration // it may still make us wait; at most grace
	rate  int           // bytes that earn a second
}

func (p *paced) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, errTooSlow
	}
	began := time.Now()
	p.cut.Reset(p.left)
	n, err := p.body.Read(b)
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
