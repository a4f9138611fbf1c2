package chainsync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/store"
)

func TestFollowsFromGenesisToTheTip(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 300) // some by ranges, some after
	up := serve(t, c, "aka")
	n := startNode(t, Source{Token: "aka", Upstreams: []string{up.URL + "/"}})
	n.has("aka", c.blocks("aka"))
	for range 5 {
		c.grow("aka", 3)
		up.put("aka", c.blocks("aka"))
		n.has("aka", c.blocks("aka"))
	}
	n.until("ready", n.Ready)
	status := n.Status()[0]
	require.Equal(t, chain.HashBytes(c.blocks("aka")[0]), status.ChainID)
	require.True(t, status.Synced)
	require.EqualValues(t, 305, status.Length)
	require.EqualValues(t, 305, status.UpstreamLength)
	require.Empty(t, status.Refusals)
	require.Equal(t, []string{up.URL}, n.Upstreams("aka"))
	require.Empty(t, n.Upstreams("unknown"))
	require.False(t, n.LastContact().Before(status.LastContact))
	require.NoError(t, n.end())
}

// What is known to be far behind comes as ranges that every follower asks for.
func TestRangesAreAligned(t *testing.T) {
	for _, c := range []struct {
		from, target uint64
		mean         int
		want         uint64
	}{
		{2, 100_000, 600, 2},
		{3, 100_000, 600, 4},
		{5, 100_000, 600, 8},
		{4097, 100_000, 600, 8192},
		{8193, 100_000, 600, 12288},
		{8193, 9000, 600, 8704},
		{16385, 100_000, 1, 32768},
		{65537, 1_000_000, 1, 81920}, // no more than maxRange
		{5, 100_000, 4 << 20, 5},
		{5, 100_000, 2 << 20, 6},
	} {
		t.Run(fmt.Sprint(c.from, " to ", c.target, " of ", c.mean), func(t *testing.T) {
			got := rangeEnd(c.from, c.target, c.mean)
			require.Equal(t, c.want, got)
			size := got - c.from + 1
			require.Zero(t, (c.from-1)%size)
			require.LessOrEqual(t, got, c.target)
		})
	}
}

func TestResumesWhereItWasAbandoned(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 400)
	up := serve(t, c, "aka")
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	had := 0
	for range 6 {
		n := startNodeWith(t, dir, cfg, nil)
		require.GreaterOrEqual(t, n.length("aka"), min(had, 1), "a genesis block that was stored is gone")
		n.awaitLength("aka", min(400, had+1+rand.IntN(80)))
		had = n.length("aka")
		n.stop()
		require.NoError(t, n.store.Abandon()) // as kill -9 does
		<-n.ended
		n.ended <- nil
	}
	n := startNodeWith(t, dir, cfg, nil)
	n.has("aka", c.blocks("aka"))
	n.until("ready", n.Ready)
}

// What a tail answer brought survives a crash.
func TestTheTipIsDurable(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 10)
	up := serve(t, c, "aka")
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	n := startNodeWith(t, dir, cfg, nil)
	n.until("ready", n.Ready)
	n.end()
	require.NoError(t, n.store.Abandon())
	n = startNodeWith(t, dir, cfg, nil)
	require.Equal(t, 10, n.length("aka"))
}

func TestFollowsDozensOfChainsOfSeveralClusters(t *testing.T) {
	var sources []Source
	want := map[string][][]byte{}
	for i := range 3 {
		c := newCluster(t)
		var tokens []string
		for j := range 10 {
			token := fmt.Sprintf("token-%d-%d", i, j)
			c.create(token, 3+j*10)
			tokens = append(tokens, token)
			want[token] = c.blocks(token)
		}
		if i == 1 { // a token of its own
			up := serve(t, c, tokens[0])
			sources = append(sources, Source{Token: tokens[0], Upstreams: []string{up.URL}})
			tokens = tokens[1:]
		}
		sources = append(sources, Source{Upstreams: []string{serve(t, c, tokens...).URL, serve(t, c, tokens...).URL}})
	}
	n := startNode(t, sources...)
	for token, blocks := range want {
		n.has(token, blocks)
	}
	n.until("ready", n.Ready)
	require.Len(t, n.Status(), 30)
}

func TestFailsOverWhenAnUpstreamDiesInTheMiddleOfARange(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 500)
	dying, good := serve(t, c, "aka"), serve(t, c, "aka")
	dying.line = func(index uint64, honest []byte) []byte {
		if index > 200 {
			panic(abort)
		}
		return honest
	}
	n := startNode(t, Source{Token: "aka", Upstreams: []string{dying.URL, good.URL}})
	n.has("aka", c.blocks("aka"))
	require.Empty(t, n.evidenceFiles())
	n.until("ready", n.Ready)
}

func TestGoesOnWithAnotherWhenTheUpstreamInUseStops(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 5)
	first, second := serve(t, c, "aka"), serve(t, c, "aka")
	n := startNode(t, Source{Token: "aka", Upstreams: []string{first.URL, second.URL}})
	n.has("aka", c.blocks("aka"))
	first.CloseClientConnections()
	first.Listener.Close()
	c.grow("aka", 1)
	second.put("aka", c.blocks("aka"))
	n.has("aka", c.blocks("aka"))
	n.awaitRefusal("aka", Unreachable)
}

// An upstream that hides new blocks is found out by asking the others.
func TestAnUpstreamThatHidesBlocksIsLeft(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 5)
	hiding, good := serve(t, c, "aka"), serve(t, c, "aka")
	n := startNode(t, Source{Token: "aka", Upstreams: []string{hiding.URL, good.URL}})
	n.has("aka", c.blocks("aka"))
	c.grow("aka", 1)
	good.put("aka", c.blocks("aka"))
	n.has("aka", c.blocks("aka"))
	n.awaitRefusal("aka", Behind)
	require.Equal(t, good.URL, n.Upstreams("aka")[0])
	require.Empty(t, n.evidenceFiles())
}

func TestNewContractsAreFound(t *testing.T) {
	c := newCluster(t)
	c.create("first", 3)
	up := serve(t, c, "first")
	n := startNode(t, Source{Upstreams: []string{up.URL}})
	n.has("first", c.blocks("first"))
	token, ok := n.DefaultToken()
	require.True(t, ok)
	require.Equal(t, "first", token)
	c.create("second", 3)
	up.put("second", c.blocks("second"))
	n.has("second", c.blocks("second"))
}

// A restart without upstreams knows its chains, and which is the default.
func TestKnowsItsChainsWithoutUpstreams(t *testing.T) {
	c := newCluster(t)
	c.create("zeta", 3)
	c.create("alpha", 3)
	up := serve(t, c, "zeta", "alpha")
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Upstreams: []string{up.URL}})
	n := startNodeWith(t, dir, cfg, nil)
	n.has("alpha", c.blocks("alpha"))
	n.has("zeta", c.blocks("zeta"))
	n.end()
	require.NoError(t, n.store.Close())
	up.CloseClientConnections()
	up.Close()

	n = startNodeWith(t, dir, cfg, nil)
	token, ok := n.DefaultToken()
	require.True(t, ok)
	require.Equal(t, "zeta", token)
	require.Len(t, n.Status(), 2)
	require.ErrorIs(t, n.Ready(), errNotSynced)
	require.ErrorIs(t, n.Pull(t.Context(), "alpha"), outcome.NoUpstream)
}

// Writes go only to whom has shown that its chain is ours.
func TestNobodyIsSentWritesBeforeItsChainIsKnown(t *testing.T) {
	c, other := newCluster(t), newCluster(t)
	c.create("aka", 5)
	other.now++
	other.create("aka", 9)
	up := serve(t, c, "aka")
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	n := startNodeWith(t, dir, cfg, nil)
	n.has("aka", c.blocks("aka"))
	n.end()
	require.NoError(t, n.store.Close())

	// The ledger behind the address has been made anew.
	up.put("aka", other.blocks("aka"))
	f, err := New(cfg, StoreLedger(openStoreOnce(t, dir)))
	require.NoError(t, err)
	require.Empty(t, f.Upstreams("aka"), "before it was asked")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	require.NoError(t, harness.Until(ctx, patience, "a refusal", func(context.Context) error {
		if f.Status()[0].Refusals[OtherChain] == 0 {
			return errors.New("none yet")
		}
		return nil
	}))
	require.Empty(t, f.Upstreams("aka"), "and after it was refused")
	cancel()
	require.NoError(t, <-ended)
}

func openStoreOnce(t *testing.T, dir string) *store.Store {
	s := openStore(t, dir)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A contract that a source of its own hides is told, if it is another ledger's.
func TestAHiddenContractIsTold(t *testing.T) {
	c, other := newCluster(t), newCluster(t)
	c.create("first", 2)
	c.create("aka", 5)
	other.now++
	other.create("aka", 9)
	up, second := serve(t, c, "aka", "first"), serve(t, other, "aka")
	n := startNode(t, Source{Upstreams: []string{up.URL}}, Source{Token: "aka", Upstreams: []string{second.URL}})
	n.has("aka", other.blocks("aka"))
	n.has("first", c.blocks("first"))
	n.until("the hidden one is told", func() error {
		if len(n.Hidden()) == 0 {
			return errors.New("nothing is hidden")
		}
		return nil
	})
	require.Equal(t, []Hidden{{Token: "aka", ChainID: chain.HashBytes(c.blocks("aka")[0]), Upstreams: []string{up.URL},
		Served: chain.HashBytes(other.blocks("aka")[0])}}, n.Hidden())
	n.until("the first source's contracts are known", func() error {
		if _, ok := n.DefaultToken(); ok || len(knownOf(n)) < 2 {
			return fmt.Errorf("%v", knownOf(n))
		}
		return nil
	})
	_, ok := n.DefaultToken()
	require.False(t, ok, "who asks for the hidden one gets neither the other nor the next")
	n.until("ready", n.Ready)

	// The same chain by another way hides nothing.
	n = startNode(t, Source{Upstreams: []string{up.URL}}, Source{Token: "aka", Upstreams: []string{serve(t, c, "aka").URL}})
	n.has("aka", c.blocks("aka"))
	n.until("aka is known as the first source's, too", func() error {
		if token, _ := n.DefaultToken(); token != "aka" {
			return fmt.Errorf("the default is %q", token)
		}
		return nil
	})
	require.Empty(t, n.Hidden())
}

func knownOf(n *node) []knownContract {
	n.known.mu.Lock()
	defer n.known.mu.Unlock()
	return slices.Clone(n.known.contracts)
}

// Two clusters with a contract of the same name: it stays with the one it was
// found at first.
func TestATokenStaysWithItsCluster(t *testing.T) {
	c, other := newCluster(t), newCluster(t)
	c.create("aka", 5)
	other.now++
	other.create("aka", 9)
	other.create("other", 2)
	up, second := serve(t, c, "aka"), serve(t, other, "aka", "other")
	dir := t.TempDir()
	n := startNodeWith(t, dir, testConfig(dir, Source{Upstreams: []string{up.URL}}), nil)
	n.has("aka", c.blocks("aka"))
	n.end()
	require.NoError(t, n.store.Close())

	n = startNodeWith(t, dir, testConfig(dir, Source{Upstreams: []string{second.URL}}, Source{Upstreams: []string{up.URL}}), nil)
	n.has("other", other.blocks("other"))
	n.until("ready", n.Ready)
	require.Equal(t, c.blocks("aka"), blocksOf(t, n.store, "aka"))
	require.Empty(t, n.evidenceFiles())
}

func TestPullWaitsForWhatTheUpstreamHas(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 5)
	up := serve(t, c, "aka")
	n := startNode(t, Source{Token: "aka", Upstreams: []string{up.URL}})
	require.NoError(t, n.Pull(t.Context(), "aka"))
	require.Equal(t, 5, n.length("aka"))
	for length := 6; length < 12; length++ {
		c.grow("aka", 1)
		up.put("aka", c.blocks("aka"))
		require.NoError(t, n.Pull(t.Context(), "aka"))
		require.Equal(t, length, n.length("aka"))
	}
	require.ErrorIs(t, n.Pull(t.Context(), "unknown"), chain.ContractUnknown)
	up.CloseClientConnections()
	up.Close()
	require.ErrorIs(t, n.Pull(t.Context(), "aka"), outcome.NoUpstream)
}

// However many clients ask, upstreams are asked by so many of them at a time.
func TestPullsDoNotCrowdAnUpstream(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 5)
	up := serve(t, c, "aka")
	var mu sync.Mutex
	var crowded bool
	var asking, most int
	enough := make(chan struct{})
	count := func(n int) (held bool) {
		mu.Lock()
		defer mu.Unlock()
		if crowded {
			asking += n
			most = max(most, asking)
		}
		return crowded
	}
	up.all = func(_ http.ResponseWriter, r *http.Request) bool {
		if !count(1) {
			return false
		}
		select {
		case <-enough:
		case <-r.Context().Done():
		}
		count(-1)
		return false
	}
	n := startNode(t, Source{Token: "aka", Upstreams: []string{up.URL}})
	n.awaitLength("aka", 5)
	mu.Lock()
	crowded = true
	mu.Unlock()

	var pulling sync.WaitGroup
	for range 4 * maxPulls {
		pulling.Go(func() { _ = n.Pull(t.Context(), "aka") })
	}
	before, looks := 0, 0
	n.until("as many ask as may", func() error {
		mu.Lock()
		defer mu.Unlock()
		if looks++; asking != before {
			before, looks = asking, 0
		}
		if asking < maxPulls || looks < 10 { // no more have come for a while
			return fmt.Errorf("%d ask", asking)
		}
		return nil
	})
	close(enough)
	pulling.Wait()
	const sync = 8 // requests of sync itself
	mu.Lock()
	defer mu.Unlock()
	if most > maxPulls+sync {
		t.Errorf("%d requests at a time", most)
	}
}

// A Pull does not wait for blocks that were only claimed.
func TestPullGivesUpOnAnUpstreamThatOnlyClaims(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 5)
	up := serve(t, c, "aka")
	up.claim = func(uint64) uint64 { return 1_000_000 }
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.RetryMin, cfg.RetryMax = time.Minute, time.Minute
	n := startNodeWith(t, dir, cfg, nil)
	require.ErrorIs(t, n.Pull(t.Context(), "aka"), outcome.NoUpstream)
	n.awaitRefusal("aka", Truncated)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, n.Pull(ctx, "aka"), context.Canceled)
}

// An upstream that hangs holds up neither a Pull nor what follows from it.
func TestPullGoesPastAnUpstreamThatHangs(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 5)
	hung, good := serve(t, c, "aka"), serve(t, c, "aka")
	var hangs atomic.Bool
	hung.all = func(_ http.ResponseWriter, r *http.Request) bool {
		if hangs.Load() {
			<-r.Context().Done()
		}
		return hangs.Load()
	}
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{hung.URL, good.URL}})
	cfg.PollWait, cfg.CompareEvery = 30*time.Second, time.Hour // nothing else may help
	n := startNodeWith(t, dir, cfg, nil)
	n.awaitLength("aka", 5)
	hangs.Store(true)
	c.grow("aka", 1)
	good.put("aka", c.blocks("aka"))
	require.NoError(t, n.Pull(t.Context(), "aka"))
	require.Equal(t, 6, n.length("aka"))
}
