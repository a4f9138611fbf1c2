package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// All members stand still for longer than a disk may take, in the middle of
// writes: a suspended machine, a paused container, a move to another host. When
// they go on nobody takes that for a disk that hangs.
func TestPauseAllMembers(t *testing.T) {
	t.Parallel()
	const pause = 12 * time.Second // a disk may take ten
	c := startCluster(t, harness.Options{Contract: busy})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed(t)})
	if err := load.AwaitMore(t.Context(), 300); err != nil {
		t.Fatal(err)
	}
	each := func(do func(*harness.Member) error) {
		t.Helper()
		var errs []error
		for _, m := range c.Members {
			errs = append(errs, do(m))
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	each(func(m *harness.Member) error { return m.Pause() })
	<-time.After(pause)
	each(func(m *harness.Member) error { return m.Resume() })
	if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitMore(t.Context(), 300); err != nil {
		t.Fatal(err)
	}
	each(func(m *harness.Member) error {
		if !m.Alive() {
			return errors.New(m.ID + " has ended:\n" + m.LogTail(5))
		}
		return nil
	})
	stopAndCheck(t, c, load)
}
