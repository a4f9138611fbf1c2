package misuse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

const secret = "a secret that nobody else knows"

// start starts a cluster whose members trust nobody, not even their own machine.
func start(t *testing.T, o harness.Options) *harness.Cluster {
	t.Helper()
	o.Binary, o.Dir = binary, t.TempDir()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Args = append(o.Args, "--operator-secret-file", path)
	c, err := harness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.KillAll(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, m := range c.Members {
				log, _ := os.ReadFile(m.Log)
				t.Logf("%s: … %s", m.ID, log[max(0, len(log)-3_000):])
			}
		}
	})
	return c
}

// writer writes with a token, from an address of its own.
type writer struct {
	client *http.Client
	urls   []string
	sent   int
}

func newWriter(id int, urls []string) *writer {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 250, byte(id), 1)}}
	return &writer{urls: urls, client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4}}}
}

// write is one transfer, and how long it took.
func (w *writer) write(ctx context.Context) (took time.Duration, err error) {
	w.sent++
	body := `{"sender":"mine","recipient":"yours","amount":1}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.urls[w.sent%len(w.urls)]+"/v1/transactions", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	began := time.Now()
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%d %s", resp.StatusCode, text)
	}
	return time.Since(began), err
}

// measure has writers write for a while, each so often a second, and returns how long
// the writes took, in order.
func measure(t *testing.T, writers []*writer, d time.Duration) (took []time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var errs []error
	var late []string // the writes that took long: when, and how long
	began := time.Now()
	var group sync.WaitGroup
	for _, w := range writers {
		group.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
				one, err := w.write(t.Context())
				mu.Lock()
				if one > 100*time.Millisecond {
					late = append(late, fmt.Sprintf("%.1fs:%dms", time.Since(began).Seconds(), one.Milliseconds()))
				}
				took = append(took, one)
				if err != nil {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("%d of %d writes with a token fail: %.2000v", len(errs), len(took), err)
	}
	if len(late) > 0 {
		t.Logf("late after %s", strings.Join(late, ", "))
	}
	slices.Sort(took)
	return took
}

func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func show(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	t.Logf("%-14s %5d writes, p50 %s, p99 %s, longest %s", what, len(took), percentile(took, 50).Round(10*time.Microsecond),
		percentile(took, 99).Round(10*time.Microsecond), percentile(took, 100).Round(10*time.Microsecond))
}

// Strangers cost somebody who has a token next to nothing. BPSC_MISUSE says how many,
// and then twice what writes take without them is all that they may take: `make misuse`.
// With a few of them, beside all other tests, half a second more is taken for chance.
func TestStrangersDoNotSlowDownTheKnown(t *testing.T) {
	clients, each, slack := 320, 4*time.Second, 500*time.Millisecond
	if text := os.Getenv("BPSC_MISUSE"); text != "" {
		var err error
		if clients, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		each, slack = 20*time.Second, 0
	}
	c := start(t, harness.Options{Args: []string{"--rate-per-address", "1:5", "--unlimited-network", "none", "--heartbeat", "1s"}})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var writers []*writer
	var targets []string
	for i := range 8 {
		writers = append(writers, newWriter(i, c.URLs()))
	}
	for _, url := range c.URLs() {
		targets = append(targets, strings.TrimPrefix(url, "http://"))
	}
	measure(t, writers, each/4) // connections and caches are warm
	before := measure(t, writers, each/2)
	show(t, "quiet before", before)
	began := time.Now()
	crowd, err := startCrowd(order{clients, targets})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d strangers have come within %s", clients, time.Since(began).Round(time.Millisecond))
	during := measure(t, writers, each)
	show(t, "with strangers", during)
	counts, err := crowd.leave()
	if err != nil {
		t.Fatal(err)
	}
	measure(t, writers, each/4) // ten thousand connections have ended
	after := measure(t, writers, each/2)
	show(t, "quiet after", after)
	quiet := slices.Concat(before, after)
	slices.Sort(quiet)
	if got, most := percentile(during, 99), 2*percentile(quiet, 99)+slack; got > most {
		t.Errorf("the p99 is %s, %s without strangers", got, percentile(quiet, 99))
	}
	for name, outcomes := range counts {
		t.Logf("%-20s %v", name, outcomes)
	}
	checkAnswers(t, counts)
	for _, m := range c.Members {
		if memory, err := m.Memory(); err != nil || memory.Peak > 1<<30 {
			t.Errorf("%s has had %d MiB, %v", m.ID, memory.Peak>>20, err)
		} else {
			t.Logf("%s has had %d MiB at most", m.ID, memory.Peak>>20)
		}
	}
}

// checkAnswers looks whether each kind has met what is there against it.
func checkAnswers(t *testing.T, counts tally) {
	t.Helper()
	for name, wanted := range map[string]string{
		"large header": "431", "huge header": "431", "another host": "403", "bad token": "401",
		"writes without end": "429", "reads without end": "429", "tricks": "400",
	} {
		if counts[name][wanted] == 0 {
			t.Errorf("%s: nobody got %s, but %v", name, wanted, counts[name])
		}
	}
	for name, outcomes := range counts {
		for what := range outcomes {
			if strings.HasPrefix(what, "500") {
				t.Errorf("%s: an internal error", name)
			}
		}
	}
}

// More idle connections than there are descriptors, each made anew when it is closed,
// do not keep out whoever has a token, on a connection that is kept or a new one.
func TestMoreIdleConnectionsThanDescriptors(t *testing.T) {
	c := start(t, harness.Options{Members: 1})
	m := c.Members[0]
	m.Files = 1_024
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := newWriter(0, c.URLs())
	if _, err := kept.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	const idle = 1_500
	ctx, leave := context.WithCancel(t.Context())
	var connections sync.WaitGroup
	defer connections.Wait()
	defer leave()
	arrived := make(chan struct{}, idle)
	for i := range idle {
		connections.Go(func() {
			for ctx.Err() == nil {
				s := stranger{id: i}
				conn, err := (&net.Dialer{LocalAddr: s.address()}).DialContext(ctx, "tcp", strings.TrimPrefix(m.URL, "http://"))
				if err != nil {
					pause(ctx, 100*time.Millisecond)
					continue
				}
				select {
				case arrived <- struct{}{}:
				default:
				}
				stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
				_, _ = conn.Read(make([]byte, 1))
				stop()
				_ = conn.Close()
				pause(ctx, 500*time.Millisecond)
			}
		})
	}
	for range idle {
		select {
		case <-arrived:
		case <-time.After(20 * time.Second):
			t.Fatal("they do not get in")
		}
	}
	var longest time.Duration
	for i := range 10 {
		fresh := newWriter(i, c.URLs())
		for _, w := range []*writer{kept, fresh} {
			took, err := w.write(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			longest = max(longest, took)
		}
		fresh.client.CloseIdleConnections()
	}
	t.Logf("%d idle connections at 1,024 descriptors: a write takes %s at most", idle, longest)
	if longest > 10*time.Second {
		t.Error("that is too long")
	}
}
