package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// collector keeps every checkpoint that the members of a cluster show while it
// runs.
type collector struct {
	cancel  context.CancelFunc
	readers sync.WaitGroup

	mu    sync.Mutex                // guards what follows
	roots map[int]map[string]string // by size and root: a note
	count int
}

func collect(ctx context.Context, c *harness.Cluster) *collector {
	ctx, cancel := context.WithCancel(ctx)
	all := &collector{cancel: cancel, roots: map[int]map[string]string{}}
	for _, url := range c.URLs() {
		all.readers.Go(func() { all.read(ctx, url) })
	}
	return all
}

// read waits at one member for each size beyond the last, however often it dies.
func (all *collector) read(ctx context.Context, url string) {
	next := 1
	for ctx.Err() == nil {
		// That it has none for a while is for the test to judge.
		_ = harness.Until(ctx, time.Minute, "a checkpoint", func(ctx context.Context) error {
			note, c, err := getCheckpoint(ctx, client, url, "", next)
			if err == nil {
				all.note(note, c)
				next = c.size + 1
			}
			return err
		})
	}
}

func (all *collector) note(note string, c checkpoint) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.roots[c.size] == nil {
		all.roots[c.size] = map[string]string{}
	}
	all.roots[c.size][c.root] = note
	all.count++
}

// check ends the collecting: no two checkpoints of one size may have two roots.
func (all *collector) check(t *testing.T) {
	t.Helper()
	all.cancel()
	all.readers.Wait()
	for size, roots := range all.roots {
		if len(roots) != 1 {
			t.Errorf("checkpoints of %d blocks contradict each other: %v", size, roots)
		}
	}
	t.Logf("%d checkpoints were seen, of %d sizes", all.count, len(all.roots))
	if len(all.roots) == 0 {
		t.Error("not one checkpoint was seen")
	}
}

// The leader dies again and again; checkpoints go on, and say one thing.
func TestCheckpointsSurviveKills(t *testing.T) {
	const kills = 5
	c := startCluster(t, harness.Options{Contract: busy})
	j := newJudge(t, c)
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 8))
	seen := collect(t.Context(), c)
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 8, Seed: seed, Abandon: 0.1})
	for range kills {
		if err := load.AwaitMore(t.Context(), 50+rng.IntN(200)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.KillLeader(t.Context(), load); err != nil {
			t.Fatal(err)
		}
		leader, err := c.Leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		awaitCheckpoint(t, leader.URL, "", length(t, leader)) // with one of three dead
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	ledger := verifyCluster(t, c, "")
	checkSent(t, ledger, sent)
	last := sent[slices.IndexFunc(sent, func(s harness.Sent) bool { return s.Acked })]
	for _, m := range c.Members {
		awaitCheckpoint(t, m.URL, "", len(ledger.Blocks))
		j.acceptsChain(t, m.URL, "")
		j.accepts(t, receipt(t, m.URL, "", last.Ack))
	}
	seen.check(t)
}

func length(t *testing.T, m *harness.Member) int {
	t.Helper()
	var info struct{ Length int }
	must(t, http.StatusOK, http.MethodGet, m.URL+"/v1/contracts/aka", "").json(t, &info)
	return info.Length
}

// A block has its checkpoint at once where nothing else happens in its chain,
// and soon under load.
func TestCheckpointsFollowBlocks(t *testing.T) {
	const samples = 7
	c := startCluster(t, harness.Options{Contract: busy})
	var quiet []string // each chain gets one block
	for i := range samples {
		quiet = append(quiet, fmt.Sprintf("quiet%d", i))
		createContract(t, c, fmt.Sprintf(`{"token":"%s","wallets":"open","schedule":{"transactions":1}}`, quiet[i]))
	}
	for _, token := range append(quiet, "aka") {
		for _, url := range c.URLs() {
			awaitCheckpoint(t, url, token, 1)
		}
	}
	measure := func(t *testing.T, token string) time.Duration {
		m := c.Members[0]
		ack := pay(t, m.URL, fmt.Sprintf(`{"contract":"%s","sender":"a","recipient":"b","amount":1}`, token))
		must(t, http.StatusOK, http.MethodGet, fmt.Sprintf("%s/v1/blocks/%d?contract=%s&min_block=%[2]d", m.URL, ack.Block, token), "")
		produced := time.Now()
		awaitCheckpoint(t, m.URL, token, int(ack.Block))
		return time.Since(produced)
	}
	var idle, loaded []time.Duration
	for _, token := range quiet {
		idle = append(idle, measure(t, token))
	}
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed(t)})
	if err := load.AwaitMore(t.Context(), 500); err != nil {
		t.Fatal(err)
	}
	for range samples {
		loaded = append(loaded, measure(t, "aka"))
	}
	if _, err := load.Stop(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(idle)
	slices.Sort(loaded)
	t.Logf("from a block to its checkpoint: idle median %s, worst %s; under load median %s, worst %s",
		idle[samples/2], idle[samples-1], loaded[samples/2], loaded[samples-1])
	if idle[samples-1] > 2*time.Second || loaded[samples-1] > 10*time.Second {
		t.Error("that is too late")
	}
	verifyCluster(t, c, "")
}
