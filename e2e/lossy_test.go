package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// A leader that gets no large packet through to the others, but heartbeats, makes
// way: writes go on, and it is not ready. When the network is well it is.
func TestLeaderThatGetsOnlySmallPacketsThrough(t *testing.T) {
	t.Parallel() // most of it waits
	net := harness.NewLossy()
	c := startCluster(t, harness.Options{Contract: busy, Network: net})
	t.Cleanup(net.Close)
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed(t), Attempt: 2 * time.Second})
	if err := load.AwaitMore(t.Context(), 300); err != nil {
		t.Fatal(err)
	}
	old, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lose := func(lost bool) {
		for _, m := range c.Members {
			net.Lose(old.ID, m.ID, lost)
		}
	}
	lose(true)
	until := func(what string, condition func(context.Context) error) {
		t.Helper()
		if err := harness.Until(t.Context(), 20*time.Second, what, condition); err != nil {
			t.Fatal(err)
		}
	}
	until("another member leads", func(ctx context.Context) error {
		for _, m := range c.Members {
			if s, err := c.State(ctx, m); err == nil && m.ID != old.ID && s.Leader == m.ID {
				return nil
			}
		}
		return fmt.Errorf("%s does", old.ID)
	})
	until("the former leader says why it is not ready", func(ctx context.Context) error {
		err := harness.Get(ctx, c.HTTP, old.URL+"/readyz", nil)
		if err == nil || !strings.Contains(err.Error(), "get through") {
			return fmt.Errorf("it says %v", err)
		}
		return nil
	})
	if err := load.AwaitMore(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	lose(false)
	if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Members {
		if !m.Alive() {
			t.Error(m.ID + " has ended")
		}
	}
	stopAndCheck(t, c, load)
}
