package history

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/keys"
)

// TestNamesThatFallTogetherStayApart lets two names share their postings, as if
// their hashes did.
func TestNamesThatFallTogetherStayApart(t *testing.T) {
	var texts [][]byte
	b := blocks.Block{}
	for i, names := range [][2]string{{"a", "d"}, {"b", "c"}} {
		r := chain.Record{ID: chain.DeriveID([]byte{byte(i)}), Kind: chain.Transfer, Sender: names[0], Recipient: names[1], Amount: 1}
		text := chain.AppendRecord(nil, &r, 6)
		b.Records = append(b.Records, chain.Span{From: len(b.Canonical), To: len(b.Canonical) + len(text)})
		b.Canonical, texts = append(b.Canonical, text...), append(texts, text)
	}
	var x Index
	x.Extend(0, []Block{{Key: keys.Block{Index: 1}, Block: &b}})
	for i := range x.postings {
		if x.postings[i].hash == hashAccount(0, []byte("b")) {
			x.postings[i].hash = hashAccount(0, []byte("a"))
		}
	}
	w, err := New(&chain.HistoryQuery{}, "a")
	require.NoError(t, err)
	require.NoError(t, w.Begin(&chain.Contract{Decimals: 6}, 0, PlaceOf(2, 0), PlaceOf(2, 0)))
	w.TakeBlocks([]*Index{&x}, PlaceOf(1, 0), PlaceOf(2, 0))
	page, err := w.Page(func(at []Place, _ int) (found [][]byte, size int, err error) {
		require.Len(t, at, 2, "both are looked at")
		for _, p := range at {
			found = append(found, texts[p.Position()])
		}
		return found, 0, nil
	})
	require.NoError(t, err)
	require.Len(t, page.Records, 1)
	require.Equal(t, "a", page.Records[0].Record.Sender)
}
