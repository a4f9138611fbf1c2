package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// liar passes on what a node says, a follower unless it is told otherwise. While it lies, amounts in blocks are others, or roots in
// checkpoints. It is safe for use by many goroutines.
type liar struct {
	url    string
	target atomic.Pointer[url.URL]
	server *http.Server
	lying  atomic.Bool
	keys   atomic.Pointer[[]signer] // that sign its checkpoints; nil: it lies about blocks
	told   atomic.Int64             // answers that were changed
}

// proofSuffix ends the names of files that convict by themselves.
const proofSuffix = ".evidence.json"

// mostLie bounds an answer that is changed: what followers ask for at once is far less.
const mostLie = 64 << 20

// newLiar starts one, who asks as a client does. Close its server.
func newLiar(target string, client *http.Client) (*liar, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &liar{url: "http://" + listener.Addr().String()}
	l.speakFor(target)
	proxy := &httputil.ReverseProxy{
		Transport: client.Transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(l.target.Load())
			r.Out.Header.Del("Accept-Encoding") // what is changed is text
		},
		ModifyResponse: l.change,
		FlushInterval:  -1, // blocks come as they are made
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	l.server = &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.server.Serve(listener) }() // it ends when it is closed
	return l, nil
}

// speakFor has it pass on what another node says, at an address of the laboratory's own.
func (l *liar) speakFor(target string) {
	if to, err := url.Parse(target); err == nil {
		l.target.Store(to)
	}
}

// amounts are those that a liar changes. Each has a digit, and gets another one.
var amounts = regexp.MustCompile(`"amount_send": [0-9]`)

func (l *liar) change(resp *http.Response) error {
	keys, path := l.keys.Load(), resp.Request.URL.Path
	if !l.lying.Load() || resp.StatusCode != http.StatusOK || keys == nil && path != "/smart/chain" || keys != nil && !strings.HasSuffix(path, "/checkpoint") {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostLie))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if keys != nil {
		if second, err := forged(string(body), *keys); err == nil {
			body = []byte(second)
			l.told.Add(1)
		}
	} else if at := amounts.FindIndex(body); at != nil {
		digit := &body[at[1]-1]
		*digit = '1' + (*digit-'0')%9
		l.told.Add(1)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// startVictim starts a second follower, the first of whose upstreams is a liar.
func (w *World) startVictim(ctx context.Context) (err error) {
	if w.liar, err = newLiar(w.Follower.URL, load.NewClient(w.trust)); err != nil {
		return err
	}
	w.victim, err = harness.NewFollower(harness.FollowerOptions{Binary: w.Binary, Dir: w.Dir, ID: "f2", Upstreams: append([]string{w.liar.url}, w.Cluster.URLs()...),
		Args: w.following()})
	if err != nil {
		return err
	}
	return errors.Join(w.victim.Start(), w.victim.AwaitReady(ctx, 30*time.Second))
}

// strikeLiar has the first upstream of a follower lie when the follower comes to it: about
// blocks or, where it has keys, about checkpoints.
func (w *World) strikeLiar(keys *[]signer) (struck, error) {
	w.liar.told.Store(0)
	w.liar.keys.Store(keys)
	w.liar.lying.Store(true)
	err := errors.Join(w.victim.Kill(), w.restart(&w.victim.Process))
	return struck{w.victim.ID + " by what it takes for " + w.Follower.ID, func(context.Context) error { return nil }}, err
}

// hear waits until a follower that was lied to has found that out, and does what its operator
// does then: looks at the evidence, takes it away, and starts it again.
func (w *World) hear(ctx context.Context) error {
	accused, files, err := accusations(w.victim.Data)
	if err == nil && w.liar.lying.Load() {
		if w.liar.told.Load() == 0 { // it had to go elsewhere, as what the liar asks was away
			err = errors.Join(w.victim.Kill(), w.restart(&w.victim.Process))
		}
		wait := harness.Until(ctx, w.fair(settling), "evidence", func(context.Context) (err error) {
			if accused, files, err = accusations(w.victim.Data); err == nil && len(accused) == 0 {
				err = errors.New("there is none")
			}
			return err
		})
		if wait != nil && w.liar.told.Load() == 0 {
			w.Tell("skipped", 0, "%s did not come to the liar", w.victim.ID)
		}
	}
	w.liar.lying.Store(false)
	w.lied = append(w.lied, rules.Lied{Follower: w.victim.ID, Liars: []string{w.liar.url}, Told: int(w.liar.told.Swap(0)), Accused: accused})
	return errors.Join(err, w.dismiss(w.victim, accused, files, func(file string) { w.tryProof(ctx, file) }))
}

// tryProof tries those whom a follower's proof is against: of the keys that the liar has, those
// that signed both.
func (w *World) tryProof(ctx context.Context, file string) {
	var two struct{ A, B string }
	text, err := os.ReadFile(file)
	if err = errors.Join(err, json.Unmarshal(text, &two)); err != nil {
		w.judged(rules.Trial{Evidence: w.victim.ID, Failed: err})
		return
	}
	var guilty []string
	if keys := w.liar.keys.Load(); keys != nil {
		for _, s := range *keys {
			if signedBy(two.A, s) && signedBy(two.B, s) {
				guilty = append(guilty, s.owner())
			}
		}
	}
	w.try(ctx, w.victim.ID, file, guilty)
}

// accusations are the upstreams against whom a follower has evidence, and its files.
func accusations(data string) (accused, files []string, err error) {
	files, err = filepath.Glob(filepath.Join(data, "evidence", "*.json"))
	for _, file := range files {
		if strings.HasSuffix(file, proofSuffix) {
			continue // it is against members
		}
		text, e := os.ReadFile(file)
		var kept struct{ Upstream string }
		err = errors.Join(err, e, json.Unmarshal(text, &kept))
		if !slices.Contains(accused, kept.Upstream) {
			accused = append(accused, kept.Upstream)
		}
	}
	return accused, files, err
}
