package chainsync

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestEvidenceIsWrittenOnceAndBounded(t *testing.T) {
	cfg := testConfig(t.TempDir())
	dir := cfg.Evidence
	ledger, now := &memory{}, time.Unix(1_800_000_000, 0)
	e := &evidence{cfg: &cfg, ledger: ledger}
	p := &peer{url: "http://liar"}
	first := refuse(InvalidBlock, "bad").with(7, []byte("bytes <&>")).by(p)
	name, err := e.keep("a-token-1", first, now)
	require.NoError(t, err)
	require.Equal(t, "a-token-1", evidenceToken(name))
	before, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.Contains(t, string(before), `"served": "bytes <&>"`)

	again, err := e.keep("a-token-1", first, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, name, again)
	after, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.Equal(t, before, after)

	for i := range 2 * maxEvidence {
		r := refuse(InvalidBlock, "bad").with(uint64(i+8), []byte{0xff, byte(i)}).by(p)
		_, err := e.keep("aka", r, now)
		require.NoError(t, err)
	}
	names, err := e.list()
	require.NoError(t, err)
	require.Len(t, names, maxEvidence)
}

// Evidence that an earlier run kept counts until somebody moves it away.
func TestReadyTellsOfEvidenceUntilItIsMovedAway(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 3)
	up := serve(t, c, "aka")
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	require.NoError(t, os.MkdirAll(cfg.Evidence, 0o700))
	path := filepath.Join(cfg.Evidence, "aka-7-0011223344556677.json")
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
	n := startNodeWith(t, dir, cfg, nil)
	n.has("aka", c.blocks("aka"))
	require.ErrorIs(t, n.Ready(), ErrEvidence)
	require.NoError(t, os.Rename(path, filepath.Join(dir, "looked-at.json")))
	n.until("ready", n.Ready)
}

func TestStrictEndsWithEvidence(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 12)
	bad, good := serve(t, c, "aka"), serve(t, c, "aka")
	replace(`"amount_send": 12.5`, `"amount_send": 13.5`)(bad)
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{bad.URL, good.URL}})
	cfg.Strict = true
	for run := range 2 { // what is kept already ends it as well
		t.Run(fmt.Sprint("run ", run), func(t *testing.T) {
			n := startNodeWith(t, dir, cfg, nil)
			err := <-n.ended
			n.ended <- err
			require.ErrorIs(t, err, ErrEvidence)
			require.Len(t, n.evidenceFiles(), 1)
			require.ErrorIs(t, n.Ready(), ErrEvidence)
		})
	}
}

func TestAPinnedChainIsTheOnlyOne(t *testing.T) {
	c, other := newCluster(t), newCluster(t)
	c.create("aka", 5)
	other.now++
	other.create("aka", 8)
	id := chain.HashBytes(c.blocks("aka")[0])
	wrong, right := serve(t, other, "aka"), serve(t, c, "aka")
	dir := t.TempDir()
	n := startNodeWith(t, dir, pinned(testConfig(dir, Source{Token: "aka", Upstreams: []string{wrong.URL}}), id), nil)
	n.awaitRefusal("aka", OtherChain)
	require.Zero(t, n.length("aka"))
	n.end()
	require.NoError(t, n.store.Close())

	n = startNodeWith(t, dir, pinned(testConfig(dir, Source{Token: "aka", Upstreams: []string{wrong.URL, right.URL}}), id), nil)
	n.has("aka", c.blocks("aka"))
	n.until("ready", n.Ready) // nothing was stored yet that it could contradict
	n.end()

	cfg := pinned(testConfig(t.TempDir(), Source{Token: "aka", Upstreams: []string{right.URL}}), chain.HashBytes(other.blocks("aka")[0]))
	_, err := New(cfg, StoreLedger(n.store))
	require.ErrorContains(t, err, "the stored chain of aka is "+id.String())
}

// A contract of another token is not taken for the one that was asked for.
func TestAGenesisOfAnotherTokenIsRefused(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 3)
	c.create("oka", 3)
	up := serve(t, c, "aka")
	up.line = func(i uint64, _ []byte) []byte { return c.blocks("oka")[i-1] }
	n := startNode(t, Source{Token: "aka", Upstreams: []string{up.URL}})
	n.awaitRefusal("aka", OtherChain)
	require.Zero(t, n.length("aka"))
	require.Zero(t, n.length("oka"))
}

// pinned is cfg with the only chain that may go by aka.
func pinned(cfg Config, id chain.Hash) Config {
	cfg.Pins = map[string]chain.Hash{"aka": id}
	return cfg
}
