package holds

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
)

func TestHoldsComeInTheOrderInWhichTheyExpire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		var open []Queued
		for i := range rapid.IntRange(0, 60).Draw(t, "changes") {
			if len(open) > 0 && rapid.IntRange(0, 2).Draw(t, "end") == 0 {
				at := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				h := open[at]
				open = slices.Delete(open, at, at+1)
				q.Set(h.ID, chain.HoldState{Sender: h.sender, Until: h.Until, Ended: chain.HoldDelivered})
				q.Set(h.ID, chain.HoldState{Sender: h.sender, Until: h.Until, Ended: chain.HoldDelivered}) // changes nothing more
				continue
			}
			h := Queued{chain.Seconds(rapid.Int64Range(1, 5).Draw(t, "until")), chain.DeriveID([]byte{byte(i)}), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "sender")}
			open = append(open, h)
			q.Set(h.ID, chain.HoldState{Sender: h.sender, Until: h.Until})
		}
		slices.SortFunc(open, func(a, b Queued) int {
			return cmp.Or(cmp.Compare(a.Until, b.Until), bytes.Compare(a.ID[:], b.ID[:]))
		})
		require.Equal(t, len(open), q.Count())
		bySender := map[string]int{}
		got, ok := q.First()
		for _, want := range open {
			bySender[want.sender]++
			require.True(t, ok)
			require.Equal(t, want, got)
			got, ok = q.After(got)
		}
		require.False(t, ok)
		require.Equal(t, bySender["a"], q.SentBy("a"))
		require.Equal(t, bySender["b"], q.SentBy("b"))
	})
}
