package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/keys"
)

func FuzzHistoryCursor(f *testing.F) {
	f.Add(placeOf(3, 4).cursor())
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseCursor(text)
		if err != nil {
			require.ErrorIs(t, err, chain.InvalidField)
			return
		}
		require.Equal(t, text, p.cursor())
		for _, q := range []chain.HistoryQuery{{After: text}, {Before: text}, {After: text, OldestFirst: true}, {Before: text, OldestFirst: true}} {
			w, err := newWalk(&q, "a")
			require.NoError(t, err)
			require.NoError(t, w.begin(lastPlace))
			_, err = parseCursor(w.behind)
			require.NoError(t, err)
		}
	})
}

func FuzzDecodePostings(f *testing.F) {
	x := &layerIndex{postings: []posting{{at: placeOf(2, 3), hash: 9 << restBits, contract: 7, tags: 9}, {at: placeOf(5, 0), hash: 9<<restBits | 77, contract: 7, tags: 10}}}
	row := x.appendRows(nil, nil)[0]
	f.Add(row.Key, row.Value)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		list, err := decodePostings(nil, key, value)
		if err != nil {
			return
		}
		require.NotEmpty(t, list)
		if len(list) > historyRow || key[0] != keys.HistoryTable || uint16(list[0].hash>>restBits) >= 1<<bucketBits {
			return
		}
		rows := (&layerIndex{postings: list}).appendRows(nil, nil)
		require.Len(t, rows, 1)
		again, err := decodePostings(nil, rows[0].Key, rows[0].Value)
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}
