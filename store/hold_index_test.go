package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
)

// holdsRig is a store with one chain beside a plain list of its holds.
type holdsRig struct {
	*historyRig
	open, ended []chain.OpenHold
}

func (r *holdsRig) set(h chain.OpenHold) {
	r.update(func(tx *Tx) { tx.SetHold(tx.Head("aka"), h.ID, h.HoldState) })
}

var holdNames = []string{"", "a", "ab", "b"}

// live opens a hold, ends one, or does to the store what happens to stores.
func (r *holdsRig) live(t *rapid.T) {
	switch n := rapid.IntRange(0, 39).Draw(t, "step"); {
	case n == 39:
		require.NoError(t, r.store.Sync(context.Background()))
	case n == 38:
		require.NoError(t, r.store.Close())
		r.historyRig.open()
	case n == 37:
		require.NoError(t, r.store.Abandon())
		r.historyRig.open()
	case n == 36:
		dir := filepath.Join(r.dir, fmt.Sprint("snapshot-", len(r.log)))
		require.NoError(t, r.store.Snapshot(context.Background(), dir))
		require.NoError(t, r.store.Restore(dir))
		require.NoError(t, r.files.RemoveAll(dir))
	case n > 20:
		if len(r.open) == 0 {
			return
		}
		i := rapid.IntRange(0, len(r.open)-1).Draw(t, "which")
		h := r.open[i]
		r.open = slices.Delete(r.open, i, i+1)
		h.Ended = rapid.SampledFrom([]chain.Code{chain.HoldDelivered, chain.HoldRejected, chain.HoldHasExpired}).Draw(t, "how")
		r.ended = append(r.ended, h)
		r.set(h)
	default:
		h := chain.OpenHold{ID: chain.DeriveID([]byte(fmt.Sprint(len(r.log))))}
		h.Sender, h.Recipient = rapid.SampledFrom(holdNames).Draw(t, "sender"), rapid.SampledFrom(holdNames).Draw(t, "recipient")
		h.Amount, h.Until = chain.Amount(len(r.log)), chain.Seconds(rapid.Int64Range(1, 4).Draw(t, "until"))
		r.open = append(r.open, h)
		r.set(h)
	}
}

// want is what a query has to find in the list.
func (r *holdsRig) want(q chain.HoldQuery) (list []chain.OpenHold) {
	order := func(a, b chain.OpenHold) int {
		return cmp.Or(cmp.Compare(a.Until, b.Until), bytes.Compare(a.ID[:], b.ID[:]))
	}
	for _, h := range r.open {
		if q.Role == chain.HoldSender && h.Sender == q.Account || q.Role == chain.HoldRecipient && h.Recipient == q.Account {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, order)
	for _, h := range slices.Concat(r.open, r.ended) {
		if h.ID == q.After {
			list = slices.DeleteFunc(list, func(l chain.OpenHold) bool { return order(l, h) <= 0 })
		}
	}
	return list
}

func TestOpenHoldsAreThoseOfAPlainList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &holdsRig{historyRig: newHistoryRig(t, rapid.SampledFrom([]int{1, 500, 1 << 20}).Draw(t, "layer"))}
		defer func() { _ = r.store.Close() }()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			r.live(t)
			q := chain.HoldQuery{
				Account: rapid.SampledFrom(holdNames).Draw(t, "account"),
				Role:    rapid.SampledFrom([]chain.HoldRole{chain.HoldRecipient, chain.HoldSender}).Draw(t, "role"),
				Limit:   rapid.IntRange(1, 5).Draw(t, "limit"),
			}
			if known := slices.Concat(r.open, r.ended); len(known) > 0 && rapid.Bool().Draw(t, "after") {
				q.After = rapid.SampledFrom(known).Draw(t, "cursor").ID
			}
			want := r.want(q)
			page, err := r.store.OpenHolds("aka", q)
			require.NoError(t, err)
			n := min(q.Limit, len(want))
			require.Equal(t, append([]chain.OpenHold{}, want[:n]...), append([]chain.OpenHold{}, page.Holds...))
			require.Equal(t, n < len(want), page.More)
		}
	})
}

func TestOpenHoldsKnowNothingOfStrangers(t *testing.T) {
	r := newHistoryRig(t, 0)
	defer func() { require.NoError(t, r.store.Close()) }()
	_, err := r.store.OpenHolds("aka", chain.HoldQuery{Account: "a", Limit: 1, After: chain.DeriveID([]byte("x"))})
	require.ErrorIs(t, err, chain.ErrBeyond)
	_, err = r.store.OpenHolds("nope", chain.HoldQuery{Account: "a", Limit: 1})
	require.ErrorIs(t, err, chain.ContractUnknown)
}
