package fsm

import (
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// checkHistory pages through what the store says of everybody, with a filter
// drawn at random, and compares it with a full scan of the chain.
func checkHistory(t *rapid.T, s *store.Store, people []*person) {
	var all []chain.HistoryRecord
	require.NoError(t, s.Blocks("aka", 1, 0, func(index uint64, canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, 2)
		require.NoError(t, err)
		for i, r := range b.Records {
			all = append(all, chain.HistoryRecord{Record: r, Block: index, Position: i})
		}
		return nil
	}))
	for _, p := range people {
		q := chain.HistoryQuery{OldestFirst: true, Limit: rapid.IntRange(1, 7).Draw(t, "limit"),
			Direction: rapid.SampledFrom([]chain.Direction{chain.AnyDirection, chain.In, chain.Out}).Draw(t, "direction"),
			Kinds:     rapid.SliceOfN(rapid.SampledFrom([]chain.Kind{chain.Transfer, chain.Refund, chain.Rules, chain.Hold}), 0, 2).Draw(t, "kinds")}
		var want, got []chain.HistoryRecord
		for _, r := range all {
			if concerns(&r.Record, p.address, &q) {
				want = append(want, r)
			}
		}
		for {
			page, err := s.History("aka", p.address, q)
			require.NoError(t, err)
			for _, r := range page.Records {
				r.Cursor = ""
				got = append(got, r)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		require.Equal(t, want, got)
	}
}

func concerns(r *chain.Record, address string, q *chain.HistoryQuery) bool {
	kind := len(q.Kinds) == 0
	for _, k := range q.Kinds {
		kind = kind || k == r.Kind
	}
	in, out := r.Recipient == address, r.Sender == address
	named := r.Rules != nil && r.Rules.Account == address
	switch q.Direction {
	case chain.In:
		return kind && in
	case chain.Out:
		return kind && out
	}
	return kind && (in || out || named)
}
