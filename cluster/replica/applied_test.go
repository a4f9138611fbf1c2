package replica

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAppliedIndex(t *testing.T) {
	var a appliedIndex
	var waiting sync.WaitGroup
	for n := range 1000 {
		waiting.Go(func() {
			index := uint64(n%100 + 1)
			if err := a.wait(t.Context(), index); err != nil {
				t.Error(err)
			}
			if a.get() < index {
				t.Errorf("woken for %d at %d", index, a.get())
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		if err := a.wait(ctx, 1000); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	require.Eventually(t, func() bool { return a.waiting() == 1000 }, 20*time.Second, time.Millisecond, "all wait")
	for index := range uint64(101) {
		a.advance(index)
	}
	waiting.Wait()
	if len(a.awaited) != 0 {
		t.Errorf("%d waiters are left", len(a.awaited))
	}
	a.advance(5)
	if a.get() != 100 {
		t.Errorf("it went back to %d", a.get())
	}
}
