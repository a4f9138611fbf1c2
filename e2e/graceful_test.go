package e2e

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// A leader that is asked to stop hands over first: a client that tries again
// only where it is told that nothing happened sees no failure, and above all
// no outcome that it cannot know.
func TestStopTheLeader(t *testing.T) {
	// Elections that a busy machine causes by itself would be another matter.
	c := startCluster(t, harness.Options{Args: []string{"--heartbeat", "1s"}})
	var resets atomic.Int32
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed(t), Retry: func(err error) bool {
		if errors.Is(err, syscall.ECONNRESET) {
			resets.Add(1)
			return true
		}
		return surelyNotApplied(err)
	}})
	const stops = 6
	for range stops {
		if err := load.AwaitMore(t.Context(), 300); err != nil {
			t.Fatal(err)
		}
		leader, err := c.Leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := leader.Terminate(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		code, err := leader.AwaitExit(t.Context(), 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if code != 0 {
			t.Errorf("%s ended with exit code %d after SIGTERM", leader.ID, code)
		}
		t.Logf("%s led and stopped within %s", leader.ID, time.Since(began).Round(time.Millisecond))
		if err := load.AwaitMore(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Errorf("requests failed: %v", err)
	}
	checkSent(t, verifyCluster(t, c, ""), sent)
	// A connection whose handshake a starved kernel finishes late is reset, and no
	// program can help it. The same key goes with the next attempt.
	if n := resets.Load(); n > stops {
		t.Errorf("%d connections were reset", n)
	}
}

// surelyNotApplied holds for 503, and where nobody listens any more.
func surelyNotApplied(err error) bool {
	var p *harness.Problem
	if errors.As(err, &p) {
		return p.Status == http.StatusServiceUnavailable
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
