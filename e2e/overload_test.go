package e2e

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// overload is how the members are overloaded: for so long each kind of request comes three
// times as often as they can take it, from clients who care for no Retry-After.
type overload struct {
	calm, storm time.Duration
	strict      bool // measured, on a machine that does nothing else
}

// overloads is a short one, or that of make overload, whose figures are to hold.
func overloads(t *testing.T) overload {
	text := os.Getenv("BPSC_OVERLOAD")
	if text == "" {
		return overload{calm: 2 * time.Second, storm: 3 * time.Second}
	}
	storm, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return overload{calm: storm, storm: storm, strict: true} // as long: a chain is faster before its first merges
}

// Three times what the members can take leaves them what they were: they go on at their
// pace, refuse the rest at once and in a way that it can be sent again, use no more memory
// than they may, and are as quick as before once it is over.
func TestOverload(t *testing.T) {
	o := overloads(t)
	for _, load := range []struct {
		name    string
		path    string
		items   int // transfers in a request
		clients int // connections
	}{
		{"single transfers", "/v1/transactions", 1, 1_000},
		{"batches of 1000", "/v1/transactions:batch", 1_000, 256},
	} {
		t.Run(load.name, func(t *testing.T) {
			c := startCluster(t, harness.Options{})
			leader, err := c.Leader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			before, err := c.State(t.Context(), leader)
			if err != nil {
				t.Fatal(err)
			}
			s := newStorm(leader, load.path, load.items)
			peak := s.run(t, load.clients/4, 0, o.calm)
			storm := s.run(t, load.clients, 3*peak.rate, o.storm)
			memory, err := leader.Memory()
			if err != nil {
				t.Fatal(err)
			}
			over := time.Now()
			if _, err := c.Submit(t.Context(), leader.URL, harness.Transfer{Sender: "a", Recipient: "b", Amount: "1", Key: "after"}); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			recovery := time.Since(over)
			after, err := c.State(t.Context(), leader)
			if err != nil {
				t.Fatal(err)
			}
			share := storm.rate / peak.rate
			t.Logf("peak %.0f transfers a second; of three times as many %.0f (%.0f %%); accepted after %s (median) and %s (p99), refused %d after %s and %s; %d MiB; the next one took %s; term %d → %d",
				peak.rate*float64(load.items), storm.rate*float64(load.items), 100*share, middle(storm.accepted), high(storm.accepted),
				len(storm.refused), middle(storm.refused), high(storm.refused), memory.Now>>20, recovery.Round(time.Millisecond), before.Term, after.Term)
			if storm.other != "" {
				t.Errorf("an answer was %s", storm.other)
			}
			if memory.Now > 3<<29 {
				t.Errorf("the leader has %d MiB", memory.Now>>20)
			}
			if o.strict && (share < 0.8 || high(storm.refused) > time.Second || recovery > time.Second) {
				t.Error("that is not what is wanted")
			}
		})
	}
}

// storm sends requests to a member.
type storm struct {
	host     string
	requests [][]byte
}

func newStorm(m *harness.Member, path string, items int) *storm {
	s := &storm{host: strings.TrimPrefix(m.URL, "http://")}
	for n := range 16 {
		var texts []string
		for i := range items {
			texts = append(texts, fmt.Sprintf(`{"sender":"account-%d","recipient":"account-%d","amount":1}`, n, i))
		}
		body := texts[0]
		if items > 1 {
			body = `{"transactions":[` + strings.Join(texts, ",") + `]}`
		}
		s.requests = append(s.requests, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, s.host, len(body), body))
	}
	return s
}

// weather is what came of requests.
type weather struct {
	rate     float64         // accepted a second
	accepted []time.Duration // how long each took, from when it was to be sent
	refused  []time.Duration // the same, from when it was sent
	other    string          // an answer that is neither
}

// run sends so many requests a second for so long, over so many connections; with rate 0 as
// many as are answered.
func (s *storm) run(t *testing.T, connections int, rate float64, d time.Duration) weather {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d+time.Minute)
	defer cancel()
	var next atomic.Int64
	start := time.Now()
	all := make([]weather, connections)
	var clients sync.WaitGroup
	for i := range all {
		clients.Go(func() {
			if err := s.client(ctx, &next, start, rate, d, &all[i]); err != nil {
				all[i].other = err.Error()
			}
		})
	}
	clients.Wait()
	var sum weather
	for _, w := range all {
		sum.accepted, sum.refused = append(sum.accepted, w.accepted...), append(sum.refused, w.refused...)
		sum.other = cmp.Or(sum.other, w.other)
	}
	sum.rate = float64(len(sum.accepted)) / time.Since(start).Seconds()
	if sum.rate == 0 {
		t.Fatalf("nothing is accepted: %s", sum.other)
	}
	return sum
}

// client is one connection: it sends what is due next.
func (s *storm) client(ctx context.Context, next *atomic.Int64, start time.Time, rate float64, d time.Duration, w *weather) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.host)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is left to say
	end, _ := ctx.Deadline()
	answers := bufio.NewReader(conn)
	for {
		n := next.Add(1)
		due := time.Now()
		if rate > 0 {
			due = start.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		}
		if due.Sub(start) > d || time.Since(start) > d {
			return nil
		}
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return ctx.Err()
		}
		sent := time.Now()
		if err := conn.SetDeadline(end); err != nil {
			return err
		}
		if _, err := conn.Write(s.requests[int(n)%len(s.requests)]); err != nil {
			return err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		switch retry := answer.Header.Get("Retry-After"); {
		case answer.StatusCode < 300:
			w.accepted = append(w.accepted, time.Since(due))
		case answer.StatusCode == http.StatusServiceUnavailable && retry != "":
			w.refused = append(w.refused, time.Since(sent))
		default:
			w.other = fmt.Sprintf("%s, Retry-After %q: %.300s", answer.Status, retry, text)
		}
		if answer.Close {
			_ = conn.Close()
			if conn, err = dialer.DialContext(ctx, "tcp", s.host); err != nil {
				return err
			}
			answers.Reset(conn)
		}
	}
}

func middle(took []time.Duration) time.Duration { return quantile(took, 50) }
func high(took []time.Duration) time.Duration   { return quantile(took, 99) }

func quantile(took []time.Duration, percent int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[(len(took)-1)*percent/100].Round(time.Millisecond / 10)
}
