package history

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/keys"
)

func FuzzHistoryCursor(f *testing.F) {
	f.Add(PlaceOf(3, 4).Cursor())
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseCursor(text)
		if err != nil {
			require.ErrorIs(t, err, chain.InvalidField)
			return
		}
		require.Equal(t, text, p.Cursor())
		for _, q := range []chain.HistoryQuery{{After: text}, {Before: text}, {After: text, OldestFirst: true}, {Before: text, OldestFirst: true}} {
			w, err := New(&q, "a")
			require.NoError(t, err)
			require.NoError(t, w.Begin(&chain.Contract{}, 0, lastPlace, lastPlace))
			_, err = ParseCursor(w.behind)
			require.NoError(t, err)
		}
	})
}

func FuzzDecodePostings(f *testing.F) {
	x := &Index{postings: []posting{{at: PlaceOf(2, 3), hash: 9 << restBits, contract: 7, tags: 9}, {at: PlaceOf(5, 0), hash: 9<<restBits | 77, contract: 7, tags: 10}}}
	row := x.AppendRows(nil, nil)[0]
	f.Add(row.Key, row.Value)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		list, err := decodePostings(nil, key, value)
		if err != nil {
			return
		}
		require.NotEmpty(t, list)
		if len(list) > rowPostings || key[0] != keys.HistoryTable || uint16(list[0].hash>>restBits) >= 1<<bucketBits {
			return
		}
		rows := (&Index{postings: list}).AppendRows(nil, nil)
		require.Len(t, rows, 1)
		again, err := decodePostings(nil, rows[0].Key, rows[0].Value)
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}
