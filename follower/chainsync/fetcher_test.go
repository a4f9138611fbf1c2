package chainsync

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// stored is a chain that does not grow.
type stored [][]byte

func (s stored) head() head {
	first, err := chain.CheckBlock(s[0], nil, chain.Hash{})
	if err != nil {
		panic(err)
	}
	return head{uint64(len(s)), chain.HashBytes(s[len(s)-1]), first.Block.Contract, first.Hash}
}

func (s stored) block(index uint64) ([]byte, error) { return s[index-1], nil }

// states are upstreams that are lent in turn, and what was said of them.
type states struct {
	lend    []*peer
	length  uint64
	heard   []string
	refused []Reason
}

func (s *states) borrow(uint64) (p *peer) {
	if len(s.lend) > 0 {
		p, s.lend = s.lend[0], s.lend[1:]
	}
	return p
}

func (s *states) giveBack(_ *peer, served bool) {
	s.heard = append(s.heard, map[bool]string{true: "served", false: "failed"}[served])
}
func (s *states) known(*peer) (uint64, bool) { return s.length, s.length > 0 }
func (s *states) answered(*peer, uint64)     { s.heard = append(s.heard, "answered") }
func (s *states) matched(_ *peer, whole bool) {
	s.heard = append(s.heard, map[bool]string{true: "matches", false: "matches in part"}[whole])
}

func (s *states) note(err error) error {
	s.refused = append(s.refused, asRefusal(err).reason)
	return nil
}

func newTestFetcher(t *testing.T, local localChain, peers peerStates) *fetcher {
	t.Helper()
	cfg := testConfig(t.TempDir())
	f := &fetcher{resources: newResources(&cfg), token: "aka", local: local, peers: peers}
	t.Cleanup(f.client.http.CloseIdleConnections)
	return f
}

func TestAProbeTellsWhoseChainItIs(t *testing.T) {
	c, fork, other := newCluster(t), newCluster(t), newCluster(t)
	c.create("aka", 9)
	fork.create("aka", 4)
	fork.grow("aka", 1)
	fork.grow("aka", 1)
	other.now++
	other.create("aka", 7)
	for name, tc := range map[string]struct {
		blocks [][]byte
		why    Reason
		heard  []string
	}{
		"as long":          {c.blocks("aka")[:6], "", []string{"answered", "matches"}},
		"longer":           {c.blocks("aka"), "", []string{"answered", "matches"}},
		"shorter":          {c.blocks("aka")[:3], Behind, []string{"answered", "matches in part"}},
		"a second history": {fork.blocks("aka"), SecondHistory, []string{"answered"}},
		"another chain":    {other.blocks("aka"), OtherChain, []string{"answered"}},
	} {
		t.Run(name, func(t *testing.T) {
			up, peers := newUpstream(t), &states{}
			up.put("aka", tc.blocks)
			p := &peer{url: up.URL}
			length, err := newTestFetcher(t, stored(c.blocks("aka")[:6]), peers).ensure(t.Context(), p)
			require.Equal(t, tc.heard, peers.heard)
			if tc.why == "" {
				require.NoError(t, err)
				require.EqualValues(t, len(tc.blocks), length)
				return
			}
			require.Equal(t, tc.why, asRefusal(err).reason)
			require.Equal(t, p, asRefusal(err).peer)
		})
	}
}

func TestAGenesisBlockIsCheckedWithTheOneAfterIt(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 3)
	c.create("oka", 3)
	blocks := c.blocks("aka")
	pinned := chain.HashBytes(blocks[0])
	for name, tc := range map[string]struct {
		blocks [][]byte
		pinned chain.Hash
		why    Reason
	}{
		"alone":                {blocks[:1], pinned, ""},
		"linked":               {blocks, chain.Hash{}, ""},
		"not the pinned one":   {blocks, chain.Hash{1}, OtherChain},
		"of another contract":  {c.blocks("oka"), chain.Hash{}, OtherChain},
		"no link":              {[][]byte{blocks[0], blocks[2]}, chain.Hash{}, InvalidBlock},
		"no block":             {[][]byte{blocks[0], []byte("{}")}, chain.Hash{}, NotCanonical},
		"no genesis block":     {blocks[1:], chain.Hash{}, NotCanonical},
		"one that is rubbish":  {[][]byte{[]byte("{}")}, chain.Hash{}, NotCanonical},
		"rubbish in the first": {[][]byte{[]byte("{}"), blocks[1]}, chain.Hash{}, NotCanonical},
	} {
		t.Run(name, func(t *testing.T) {
			up := newUpstream(t)
			up.put("aka", blocks)
			up.line = func(i uint64, _ []byte) []byte { return tc.blocks[i-1] }
			up.claim = func(uint64) uint64 { return uint64(len(tc.blocks)) }
			f := newTestFetcher(t, nil, &states{})
			f.pinned = tc.pinned
			genesis, err := f.genesis(t.Context(), &peer{url: up.URL})
			if tc.why == "" {
				require.NoError(t, err)
				require.Equal(t, pinned, genesis.Hash)
				return
			}
			require.Equal(t, tc.why, asRefusal(err).reason)
		})
	}
}

// drain fetches blocks 2 to 40 and returns what came.
func drain(t *testing.T, f *fetcher) (got [][]byte, err error) {
	t.Helper()
	r := f.newRange(2, 40, 100)
	f.fetch(t.Context(), r)
	for b := range r.out {
		got = append(got, b.Canonical)
	}
	r.reserved.releaseAll()
	return got, r.err
}

func TestARangeGoesOnAtAnotherUpstreamWhereOneFails(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 40)
	blocks := c.blocks("aka")
	good, dying, lying := serve(t, c, "aka"), serve(t, c, "aka"), serve(t, c, "aka")
	dying.line = func(i uint64, honest []byte) []byte {
		if i > 20 {
			panic(abort)
		}
		return honest
	}
	lying.line = func(i uint64, honest []byte) []byte {
		if i == 30 {
			return blocks[11]
		}
		return honest
	}
	lent := func(ups ...*upstream) (list []*peer) {
		for _, u := range ups {
			list = append(list, &peer{url: u.URL})
		}
		return list
	}
	t.Run("a failure is noted", func(t *testing.T) {
		peers := &states{length: 40, lend: lent(dying, good)}
		got, err := drain(t, newTestFetcher(t, stored(blocks[:1]), peers))
		require.NoError(t, err)
		require.Equal(t, blocks[1:], got)
		require.Equal(t, []string{"failed", "served"}, peers.heard)
		require.Len(t, peers.refused, 1)
	})
	t.Run("a lie ends it, and is for who takes it to note", func(t *testing.T) {
		peers := &states{length: 40, lend: lent(lying, good)}
		got, err := drain(t, newTestFetcher(t, stored(blocks[:1]), peers))
		require.Equal(t, InvalidBlock, asRefusal(err).reason)
		require.Equal(t, blocks[1:29], got)
		require.Empty(t, peers.refused)
	})
	t.Run("nobody is left", func(t *testing.T) {
		got, err := drain(t, newTestFetcher(t, stored(blocks[:1]), &states{length: 40, lend: lent(dying)}))
		require.ErrorIs(t, err, errNobody)
		require.LessOrEqual(t, len(got), 19)
	})
}

func TestABlockThatDoesNotContinueOursIsJudged(t *testing.T) {
	c, fork := newCluster(t), newCluster(t)
	c.create("aka", 6)
	fork.create("aka", 4)
	for range 3 {
		fork.grow("aka", 1)
	}
	ours := c.blocks("aka")
	liar := newUpstream(t)
	liar.put("aka", fork.blocks("aka"))
	f := newTestFetcher(t, stored(ours), &states{})
	theirs := checked(t, &peer{url: liar.URL}, fork.blocks("aka"))
	r := asRefusal(f.unlinked(t.Context(), theirs[6]))
	require.Equal(t, SecondHistory, r.reason)
	require.EqualValues(t, 6, r.index, "where the histories are both known")

	liar.line = func(i uint64, _ []byte) []byte { return ours[i-1] } // it denies it
	require.Equal(t, InvalidBlock, asRefusal(f.unlinked(t.Context(), theirs[6])).reason)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.unlinked(ended, theirs[6]), context.Canceled)
}
