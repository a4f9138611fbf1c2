package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
	"github.com/bpsc/bpsc/internal/protocol"
)

const (
	// Who writes to each member meanwhile, one transfer after the other.
	writersEach = 2
	// How long a writer waits after a refusal: short against what is measured.
	writerPause = time.Millisecond
	// Transfers between two deaths, and how long they may take, or one after a death.
	settled      = 200
	failoverWait = time.Minute
)

// failover is what bpsc bench --failover prints, in milliseconds.
type failover struct {
	Kills    int           `json:"kills"`
	Median   float64       `json:"median_ms"`
	P99      float64       `json:"p99_ms"`
	Worst    float64       `json:"worst_ms"`
	All      []float64     `json:"all_ms"` // in the order of the kills
	Verified *verification `json:"verified,omitempty"`
}

// runFailover kills the leader of a cluster of its own again and again, under a light load, and
// measures how long it takes until a transfer is acknowledged that was sent after the kill.
func (b *options) runFailover(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	t, done, err := b.target(ctx)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, done(err)) }()
	w := newWriters(b, t)
	w.start(ctx)
	report := &failover{Kills: b.failover}
	for n := range b.failover {
		took, err := b.killLeader(ctx, t, w)
		if err != nil {
			return fmt.Errorf("kill %d: %w", n+1, err)
		}
		report.All = append(report.All, milliseconds(took))
		fmt.Fprintf(cmd.ErrOrStderr(), "kill %d of %d: %s\n", n+1, b.failover, took.Round(10*time.Microsecond))
	}
	w.stop()
	if b.verify {
		if err := t.learn(ctx); err != nil {
			return err
		}
		l := &load{options: b, target: t, acknowledged: w.acknowledged, unknown: w.unknown}
		if report.Verified, err = t.verify(ctx, l); err != nil {
			return err
		}
	}
	report.sum()
	return b.Say(cmd.OutOrStdout(), report, report.text())
}

func (r *failover) sum() {
	sorted := slices.Sorted(slices.Values(r.All))
	n := len(sorted)
	r.Median, r.P99, r.Worst = sorted[n/2], sorted[(n*99+99)/100-1], sorted[n-1]
}

func (r *failover) text() string {
	text := fmt.Sprintf("kill -9 of the leader to the first acknowledged write, %d times: median %.1f ms, p99 %.1f ms, worst %.1f ms\n", r.Kills, r.Median, r.P99, r.Worst)
	if v := r.Verified; v != nil {
		text += fmt.Sprintf("Checked: %d transfers acknowledged, none of them lost; %d records on every member, balances and fees of %d accounts add up.\n", v.Acknowledged, v.Records, v.Accounts)
	}
	return text
}

// killLeader waits until all is well, kills the leader and starts it again.
func (b *options) killLeader(ctx context.Context, t *target, w *writers) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, failoverWait)
	defer cancel()
	if err := w.more(ctx, settled); err != nil {
		return 0, err
	}
	leader, err := t.ownLeader(ctx)
	if err != nil {
		return 0, err
	}
	killed := time.Now()
	if err := leader.Kill(); err != nil {
		return 0, err
	}
	w.await(killed, time.Now())
	var took time.Duration
	select {
	case took = <-w.first:
	case <-ctx.Done():
		return 0, fmt.Errorf("no transfer is acknowledged: %w", ctx.Err())
	}
	if err := leader.Start(); err != nil {
		return 0, err
	}
	return took, t.own.ready(ctx)
}

// ownLeader is the member of its own cluster that leads, once all members say so.
func (t *target) ownLeader(ctx context.Context) (*local.Process, error) {
	for {
		if err := t.learn(ctx); err != nil {
			return nil, err
		}
		for _, m := range t.own.members {
			if m.ID == t.leader {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("nobody leads: %w", ctx.Err())
		case <-time.After(local.AskEvery):
		}
	}
}

// writers send transfers to all members, each again under its key until it is acknowledged.
type writers struct {
	options *options
	target  *target
	client  *http.Client
	run     string
	over    chan struct{} // closed when no new transfer is to be begun
	writing sync.WaitGroup
	first   chan time.Duration // gets how long after a death the first acknowledgement came

	mu           sync.Mutex // guards what follows
	killed, dead time.Time  // the death whose first acknowledgement is awaited; zero for none
	acknowledged uint64
	unknown      uint64
	waiting      chan struct{} // closed at goal
	goal         uint64
}

func newWriters(b *options, t *target) *writers {
	var run [4]byte
	_, _ = rand.Read(run[:]) // it never fails
	transport := &http.Transport{TLSClientConfig: t.trusted, MaxIdleConnsPerHost: writersEach, DisableCompression: true}
	return &writers{options: b, target: t, run: hex.EncodeToString(run[:]), over: make(chan struct{}), first: make(chan time.Duration, 1),
		client: &http.Client{Timeout: b.Timeout, Transport: transport}}
}

func (w *writers) start(ctx context.Context) {
	for i := range writersEach * len(w.target.own.members) {
		w.writing.Go(func() { w.write(ctx, i) })
	}
}

// stop lets every writer have its last transfer acknowledged.
func (w *writers) stop() {
	close(w.over)
	w.writing.Wait()
}

// write sends one transfer after the other to one member.
func (w *writers) write(ctx context.Context, number int) {
	url := w.target.own.members[number%len(w.target.own.members)].URL + "/v1/transactions"
	pick := w.options.pick(number)
	for n := 0; ; n++ {
		select {
		case <-w.over:
			return
		default:
		}
		body := []byte(transferText + "}")
		fillTransfer(body, pick)
		if !w.insist(ctx, url, fmt.Sprintf("%s-%d-%d", w.run, number, n), body) {
			w.mu.Lock()
			w.unknown++
			w.mu.Unlock()
			return
		}
	}
}

// insist sends a transfer until it is acknowledged, or ctx ends.
func (w *writers) insist(ctx context.Context, url, key string, body []byte) bool {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-pause.C:
		}
		began := time.Now()
		if w.send(ctx, url, key, body) {
			w.succeed(began, time.Now())
			return true
		}
		pause.Reset(writerPause)
	}
}

func (w *writers) send(ctx context.Context, url, key string, body []byte) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(protocol.IdempotencyKey, key)
	resp, err := w.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode/100 == 2
}

// await has first get how long after the kill the first transfer was acknowledged that was
// sent after the process had ended: what it answered before it died does not count.
func (w *writers) await(killed, dead time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killed, w.dead = killed, dead
}

func (w *writers) succeed(began, ended time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.acknowledged++; w.waiting != nil && w.acknowledged >= w.goal {
		close(w.waiting)
		w.waiting = nil
	}
	if !w.dead.IsZero() && began.After(w.dead) {
		w.first <- ended.Sub(w.killed)
		w.killed, w.dead = time.Time{}, time.Time{}
	}
}

// more waits for further acknowledgements.
func (w *writers) more(ctx context.Context, n uint64) error {
	enough := make(chan struct{})
	w.mu.Lock()
	w.goal, w.waiting = w.acknowledged+n, enough
	w.mu.Unlock()
	select {
	case <-enough:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("too few transfers are acknowledged: %w", ctx.Err())
	}
}

// checkFailover refuses what does not go with --failover.
func (b *options) checkFailover() error {
	switch {
	case b.given:
		return cli.ArgError("--failover kills members, so only those of a cluster of its own: leave --server away")
	case b.failover > maxKills || b.failover < 0:
		return cli.ArgError("--failover is up to %d", maxKills)
	case b.cluster.members < 3:
		return cli.ArgError("--failover needs three --members: of fewer none may die")
	case b.signed:
		return cli.ArgError("--failover sends open transfers")
	case strings.TrimSpace(b.plot) != "":
		return cli.ArgError("--failover has no --plot")
	}
	return nil
}
