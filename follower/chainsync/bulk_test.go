package chainsync

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/harness"
)

// Ranges come from all upstreams, and one that changed a block which is good
// by itself is found out whoever gave the block after it.
func TestRangesOfSeveralUpstreamsAreOneChain(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 600)
	timestamp := regexp.MustCompile(`"timestamp": 18\d+.0`)
	for _, index := range []uint64{2, 3, 100, 128, 129, 256, 257, 500} {
		t.Run(fmt.Sprint("block ", index, " is changed"), func(t *testing.T) {
			bad, good := serve(t, c, "aka"), serve(t, c, "aka")
			bad.line = func(i uint64, honest []byte) []byte {
				if i == index {
					return timestamp.ReplaceAll(honest, []byte(`"timestamp": 1800000000.0`))
				}
				return honest
			}
			n := startNode(t, Source{Token: "aka", Upstreams: []string{bad.URL, good.URL}})
			n.has("aka", c.blocks("aka"))
			require.Positive(t, good.count("/smart/chain"))
		})
	}
}

func TestRangesAreSpreadOverUpstreams(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 2_000)
	ups := []*upstream{serve(t, c, "aka"), serve(t, c, "aka"), serve(t, c, "aka")}
	n := startNode(t, Source{Token: "aka", Upstreams: []string{ups[0].URL, ups[1].URL, ups[2].URL}})
	n.has("aka", c.blocks("aka"))
	for _, u := range ups {
		require.Positive(t, u.count("/smart/chain"))
	}
}

// gated is a ledger that takes no block until open.
type gated struct {
	Ledger
	open <-chan struct{}
}

func (g gated) Adopt(token string, blocks []chain.Checked) (int, error) {
	if blocks[0].Block.Index > 1 {
		<-g.open
	}
	return g.Ledger.Adopt(token, blocks)
}

// However slow the ledger is, no more than the bound waits for it.
func TestMemoryIsBounded(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 1)
	for range 200 {
		c.grow("aka", 10)
	}
	blocks := c.blocks("aka")
	largest, total := 0, 0
	for _, b := range blocks {
		largest = max(largest, len(b))
		total += len(b)
	}
	up := serve(t, c, "aka")
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Memory = 20 * largest
	require.Greater(t, total, 3*cfg.Memory)
	open := make(chan struct{})
	release := sync.OnceFunc(func() { close(open) })
	defer release()
	n := startNodeWith(t, dir, cfg, func(l Ledger) Ledger { return gated{l, open} })
	used := func() (used int) {
		n.resources.budget.mu.Lock()
		defer n.resources.budget.mu.Unlock()
		return n.resources.budget.used
	}
	n.until("memory is full", func() error {
		switch got := used(); {
		case got > cfg.Memory+largest:
			return harness.Permanent(fmt.Errorf("%d bytes wait, at most %d may", got, cfg.Memory))
		case got < cfg.Memory/2:
			return fmt.Errorf("%d bytes wait", got)
		}
		return nil
	})
	release()
	n.has("aka", blocks)
	n.until("ready", n.Ready)
	require.NoError(t, n.end())
	require.Zero(t, used())
}

// One reservation can always go on, whatever the others have, and the sum is bounded.
func TestBudgetIsBoundedAndNeverStuck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const largest = 50
		b := &budget{most: rapid.IntRange(1, 300).Draw(t, "most"), perRange: rapid.IntRange(1, 100).Draw(t, "per range")}
		reserved := make([]*reservation, rapid.IntRange(1, 5).Draw(t, "ranges"))
		for i := range reserved {
			reserved[i] = &reservation{budget: b}
		}
		reserved[0].prioritize()
		ended, cancel := context.WithCancel(t.Context())
		cancel() // take what is there, do not wait
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			h := reserved[rapid.IntRange(0, len(reserved)-1).Draw(t, "range")]
			if h.bytes > 0 && rapid.Bool().Draw(t, "release") {
				h.release(rapid.IntRange(1, h.bytes).Draw(t, "n"))
			} else {
				_ = h.acquire(ended, rapid.IntRange(1, largest).Draw(t, "n"))
			}
			if b.used > b.most+largest {
				t.Fatalf("%d of %d", b.used, b.most)
			}
		}
		reserved[0].releaseAll()
		if err := reserved[0].acquire(ended, largest); err != nil {
			t.Fatal("the range that its chain waits for is stuck")
		}
		sum := 0
		for _, h := range reserved {
			sum += h.bytes
		}
		if sum != b.used {
			t.Fatalf("the ranges hold %d, counted are %d", sum, b.used)
		}
	})
}

func TestAWaitingReservationGoesOnWhenThereIsRoom(t *testing.T) {
	b := &budget{most: 10, perRange: 10}
	first, second := &reservation{budget: b}, &reservation{budget: b}
	require.NoError(t, first.acquire(t.Context(), 8))
	done := make(chan error)
	go func() { done <- second.acquire(t.Context(), 5) }()
	first.release(8)
	require.NoError(t, <-done)
	go func() { done <- first.acquire(t.Context(), 8) }()
	first.prioritize()
	require.NoError(t, <-done)
}

// broken is a ledger that fails.
type broken struct {
	Ledger
	adopt, sync error
}

func (b broken) Adopt(token string, blocks []chain.Checked) (int, error) {
	if b.adopt != nil {
		return 0, b.adopt
	}
	return b.Ledger.Adopt(token, blocks)
}

func (b broken) Sync(ctx context.Context) error { return errors.Join(b.sync, b.Ledger.Sync(ctx)) }

func TestAnErrorOfTheLedgerEndsRun(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 100)
	up := serve(t, c, "aka")
	failed := errors.New("the disk is gone")
	for name, with := range map[string]broken{"adopt": {adopt: failed}, "sync": {sync: failed}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			n := startNodeWith(t, dir, testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}}),
				func(l Ledger) Ledger { with.Ledger = l; return with })
			require.ErrorIs(t, <-n.ended, failed)
			n.ended <- nil
			require.Empty(t, n.evidenceFiles())
		})
	}
}
