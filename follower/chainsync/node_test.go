package chainsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/store"
)

// Every test leaves no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come: a machine may be busy.
const patience = 30 * time.Second

// testConfig is quick about everything that is not to be tested.
func testConfig(dir string, sources ...Source) Config {
	c := DefaultConfig()
	c.Sources = sources
	c.Evidence, c.Known = filepath.Join(dir, "evidence"), filepath.Join(dir, "known")
	c.PolicyDir, c.Checkpoints = filepath.Join(dir, "policies"), filepath.Join(dir, "checkpoints")
	c.CheckpointMin, c.CheckpointMax = time.Millisecond, 20*time.Millisecond
	c.PollWait, c.CompareEvery, c.DiscoverEvery = 200*time.Millisecond, 20*time.Millisecond, 10*time.Millisecond
	c.RetryMin, c.RetryMax = time.Millisecond, 20*time.Millisecond
	c.Logger = slog.New(slog.DiscardHandler)
	return c
}

// node is a follower on a store, in a folder.
type node struct {
	*Syncer
	t     testing.TB
	dir   string
	store *store.Store
	stop  context.CancelFunc
	ended chan error // Run's result
}

func startNode(t testing.TB, sources ...Source) *node {
	t.Helper()
	dir := t.TempDir()
	return startNodeWith(t, dir, testConfig(dir, sources...), nil)
}

// startNodeWith runs a follower in dir; wrap may put something around its
// ledger.
func startNodeWith(t testing.TB, dir string, cfg Config, wrap func(Ledger) Ledger) *node {
	t.Helper()
	n := &node{t: t, dir: dir, ended: make(chan error, 1)}
	n.store = openStore(t, dir)
	ledger := StoreLedger(n.store)
	if wrap != nil {
		ledger = wrap(ledger)
	}
	var err error
	n.Syncer, err = New(cfg, ledger)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	go func() { n.ended <- n.Run(ctx) }()
	t.Cleanup(func() { n.end(); _ = n.store.Close() })
	return n
}

func openStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state"), Log: true})
	require.NoError(t, err)
	return s
}

// end stops Run and returns what it returned.
func (n *node) end() error {
	n.stop()
	err := <-n.ended
	n.ended <- err // for who asks again
	return err
}

func (n *node) until(what string, condition func() error) {
	n.t.Helper()
	err := harness.Until(context.Background(), patience, what, func(context.Context) error {
		select {
		case err := <-n.ended:
			n.ended <- err
			if e := condition(); e != nil {
				return harness.Permanent(fmt.Errorf("Run has ended: %w; %w", err, e))
			}
			return nil
		default:
			return condition()
		}
	})
	if err != nil {
		n.t.Fatalf("%v\n%+v", err, n.Status())
	}
}

// awaitLength waits for so many blocks of a chain.
func (n *node) awaitLength(token string, length int) {
	n.t.Helper()
	n.until(fmt.Sprintf("%d blocks of %s", length, token), func() error {
		if got := n.length(token); got < length {
			return fmt.Errorf("%d of %d", got, length)
		}
		return nil
	})
}

func (n *node) length(token string) int {
	info, err := n.store.Contract(token)
	if err != nil {
		return 0
	}
	return int(info.Length)
}

// has checks that the node has these blocks of a chain, and no other.
func (n *node) has(token string, blocks [][]byte) {
	n.t.Helper()
	n.awaitLength(token, len(blocks))
	require.Equal(n.t, blocks, blocksOf(n.t, n.store, token))
}

// awaitRefusal waits until an upstream was refused for a reason.
func (n *node) awaitRefusal(token string, why Reason) {
	n.t.Helper()
	n.until("a refusal: "+string(why), func() error {
		for _, c := range n.Status() {
			if c.Token == token && c.Refusals[why] > 0 {
				return nil
			}
		}
		return errors.New("none yet")
	})
}

func (n *node) evidenceFiles() (names []string) {
	n.t.Helper()
	entries, err := os.ReadDir(n.cfg.Evidence)
	require.NoError(n.t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
