package chainsync

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// checked are the blocks of an honest chain, given by one upstream.
func checked(t *testing.T, from *peer, blocks [][]byte) (batch []fetched) {
	t.Helper()
	first, err := chain.CheckBlock(blocks[0], nil, chain.Hash{})
	require.NoError(t, err)
	batch = append(batch, fetched{first, from})
	for _, text := range blocks[1:] {
		next, err := chain.CheckBlock(text, first.Block.Contract, first.Hash)
		require.NoError(t, err)
		batch = append(batch, fetched{next, from})
	}
	return batch
}

// ledgerLog is a ledger that counts, and takes no block from refused on.
type ledgerLog struct {
	memory
	synced  int
	refused uint64
}

func (l *ledgerLog) Adopt(token string, blocks []chain.Checked) (int, error) {
	for i, b := range blocks {
		if b.Block.Index == l.refused {
			return i, fmt.Errorf("%w: an id stood before", chain.ErrInvalid)
		}
		_, _ = l.memory.Adopt(token, blocks[i:i+1])
	}
	return len(blocks), nil
}

func (l *ledgerLog) Sync(context.Context) error { l.synced++; return nil }

// alone is what a writer asks of others, when there is nobody else.
type alone struct {
	length uint64
	judged []fetched
}

func (a *alone) grew(length uint64) { a.length = length }

func (a *alone) unlinked(_ context.Context, b fetched) error {
	a.judged = append(a.judged, b)
	return refuse(SecondHistory, "judged").by(b.from)
}

func newTestWriter(t *testing.T, every time.Duration) (*writer, *ledgerLog, *alone) {
	t.Helper()
	ledger, others := &ledgerLog{}, &alone{}
	w, err := newWriter(ledger, "aka", every)
	require.NoError(t, err)
	w.links, w.peers = others, others
	require.NoError(t, w.sync(t.Context()))
	return w, ledger, others
}

func TestABlockIsStoredWhenTheNextOneLinksToIt(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 6)
	w, ledger, others := newTestWriter(t, time.Hour)
	batch := checked(t, &peer{}, c.blocks("aka"))
	_, grown := w.watch()
	require.NoError(t, w.adopt(t.Context(), batch[:1]))
	<-grown
	require.Equal(t, head{1, batch[0].Hash, batch[0].Block.Contract, batch[0].Hash}, w.head())

	require.NoError(t, w.write(t.Context(), batch[1:4]))
	require.EqualValues(t, 3, w.head().length, "nothing links to block 4 yet")
	w.drop()
	require.NoError(t, w.write(t.Context(), batch[3:4]))
	require.NoError(t, w.write(t.Context(), batch[4:]))
	require.EqualValues(t, 5, w.head().length)
	require.NoError(t, w.writeLast(t.Context()))
	require.EqualValues(t, 6, w.head().length)
	require.EqualValues(t, 6, others.length)
	require.Equal(t, c.blocks("aka"), ledger.blocks)
	require.Empty(t, others.judged)
}

func TestABlockThatDoesNotLinkIsNotStored(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 8)
	liar, other := &peer{url: "http://liar"}, &peer{url: "http://other"}
	batch := checked(t, liar, c.blocks("aka"))

	t.Run("of the same upstream", func(t *testing.T) {
		w, _, _ := newTestWriter(t, time.Hour)
		require.NoError(t, w.adopt(t.Context(), batch[:1]))
		r := asRefusal(w.write(t.Context(), []fetched{batch[1], batch[2], batch[4]}))
		require.NotNil(t, r)
		require.Equal(t, InvalidBlock, r.reason)
		require.Equal(t, liar, r.peer)
		require.Equal(t, [][]byte{batch[4].Canonical, batch[2].Canonical}, [][]byte{r.served, r.before})
		require.EqualValues(t, 2, w.head().length, "of two that do not link, neither")
	})
	t.Run("of two upstreams", func(t *testing.T) {
		w, _, _ := newTestWriter(t, time.Hour)
		require.NoError(t, w.adopt(t.Context(), batch[:1]))
		require.NoError(t, w.write(t.Context(), batch[1:3]))
		require.ErrorIs(t, w.write(t.Context(), []fetched{{batch[4].Checked, other}}), errDisagree)
		require.EqualValues(t, 2, w.head().length)
	})
	t.Run("to what is stored", func(t *testing.T) {
		w, _, others := newTestWriter(t, time.Hour)
		require.NoError(t, w.adopt(t.Context(), batch[:1]))
		require.Equal(t, SecondHistory, asRefusal(w.write(t.Context(), batch[2:3])).reason)
		require.Equal(t, batch[2:3], others.judged)
		require.NoError(t, w.writeLast(t.Context()))
		require.EqualValues(t, 1, w.head().length)
	})
	t.Run("for the ledger", func(t *testing.T) {
		w, ledger, _ := newTestWriter(t, time.Hour)
		ledger.refused = 4
		require.NoError(t, w.adopt(t.Context(), batch[:1]))
		r := asRefusal(w.write(t.Context(), batch[1:]))
		require.Equal(t, InvalidBlock, r.reason)
		require.EqualValues(t, 4, r.index)
		require.Equal(t, batch[3].Canonical, r.served)
		require.EqualValues(t, 3, w.head().length)
	})
}

func TestWhatWasWrittenIsMadeDurableNowAndThen(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 4)
	batch := checked(t, &peer{}, c.blocks("aka"))
	for every, want := range map[time.Duration]int{time.Nanosecond: 2, time.Hour: 0} {
		w, ledger, _ := newTestWriter(t, every)
		require.NoError(t, w.adopt(t.Context(), batch[:1]))
		require.NoError(t, w.write(t.Context(), batch[1:2]))
		require.NoError(t, w.write(t.Context(), batch[2:3]))
		require.Equal(t, want, ledger.synced)
		require.NoError(t, w.writeLast(t.Context()))
		require.NoError(t, w.sync(t.Context()))
		require.NoError(t, w.sync(t.Context()), "when nothing was taken since")
		require.Equal(t, want+1, ledger.synced)
	}
}
