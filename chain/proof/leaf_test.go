package proof_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/chain/pyjson"
)

func TestLeafIsCanonicalJSONAndReadsBack(t *testing.T) {
	for _, want := range newWorld(t, 3, nil).leaves {
		text := proof.AppendLeaf(nil, &want)
		canonical, err := pyjson.Canonical(text)
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(text))
		require.LessOrEqual(t, len(text), proof.MaxLeafBytes)
		require.Equal(t, chain.Hash(tlog.RecordHash(text)), want.EntryHash())
		got, err := proof.DecodeLeaf(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// The bytes of a leaf are hashed and signed: they stay what they are.
func TestLeafGolden(t *testing.T) {
	l := proof.Leaf{Index: 42, Hash: chain.Hash{1}, Root: chain.Hash{2}, PreviousHash: chain.Hash{3}.String(), Timestamp: 1_795_361_056_082_559, Transactions: 7}
	zeros := strings.Repeat("0", 62)
	require.Equal(t, `{"hash": "01`+zeros+`", "index": 42, "previous_hash": "03`+zeros+`", "timestamp": 1795361056.082559, "transactions": 7, "transactions_root": "02`+zeros+`"}`,
		string(proof.AppendLeaf(nil, &l)))
}

func TestLargestLeafFits(t *testing.T) {
	l := proof.Leaf{Index: proof.MaxSize, PreviousHash: chain.Hash{}.String(), Timestamp: chain.MaxTimestamp - 1, Transactions: chain.MaxBlockRecords}
	text := proof.AppendLeaf(nil, &l)
	require.LessOrEqual(t, len(text), proof.MaxLeafBytes)
	got, err := proof.DecodeLeaf(text)
	require.NoError(t, err)
	require.Equal(t, l, got)
}

func TestDecodeLeafRefuses(t *testing.T) {
	leaf := newWorld(t, 2, nil).leaves[1]
	good := string(proof.AppendLeaf(nil, &leaf))
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", proof.ErrEmpty},
		{"too much", good + strings.Repeat(" ", proof.MaxLeafBytes), proof.ErrTooLarge},
		{"trailing bytes", good + " ", proof.ErrLeaf},
		{"another value behind it", good + "1", proof.ErrLeaf},
		{"no JSON", "leaf", proof.ErrLeaf},
		{"no object", "[]", proof.ErrLeaf},
		{"a missing key", `{"hash": "` + leaf.Hash.String() + `"}`, proof.ErrLeaf},
		{"another key", strings.Replace(good, `"index"`, `"indey"`, 1), proof.ErrLeaf},
		{"another order", strings.Replace(strings.Replace(good, `, "transactions": 1`, "", 1), `{`, `{"transactions": 1, `, 1), proof.ErrLeaf},
		{"other white space", strings.Replace(good, ": ", ":", 1), proof.ErrLeaf},
		{"another spelling of a number", strings.Replace(good, `"index": 2`, `"index": 2.0`, 1), proof.ErrLeaf},
		{"another spelling of the time", strings.Replace(good, "002,", "0020,", 1), proof.ErrLeaf},
		{"upper case", strings.ToUpper(good), proof.ErrLeaf},
		{"block 0", strings.Replace(good, `"index": 2`, `"index": 0`, 1), proof.ErrSize},
		{"a block beyond every log", strings.Replace(good, `"index": 2`, `"index": 1099511627777`, 1), proof.ErrSize},
		{"a number of many digits", strings.Replace(good, `"index": 2`, `"index": 99999999999999999999`, 1), proof.ErrSize},
		{"a negative count", strings.Replace(good, `"transactions": 1`, `"transactions": -1`, 1), proof.ErrSize},
		{"more records than a block holds", strings.Replace(good, `"transactions": 1`, `"transactions": 10001`, 1), proof.ErrLeaf},
		{"a genesis that is not the first", strings.Replace(good, leaf.PreviousHash, "1", 1), proof.ErrLeaf},
		{"a first block that is no genesis", strings.Replace(good, `"index": 2`, `"index": 1`, 1), proof.ErrLeaf},
		{"a previous_hash that is none", strings.Replace(good, leaf.PreviousHash, leaf.PreviousHash[1:], 1), proof.ErrLeaf},
		{"a time before 1970", strings.Replace(good, `"timestamp": `, `"timestamp": -`, 1), proof.ErrLeaf},
		{"a time beyond range", strings.Replace(good, `"timestamp": 1`, `"timestamp": 9`, 1), proof.ErrLeaf},
		{"a time finer than microseconds", strings.Replace(good, `000002,`, `0000021,`, 1), proof.ErrLeaf},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NotEqual(t, good, c.text)
			_, err := proof.DecodeLeaf([]byte(c.text))
			require.ErrorIs(t, err, c.want)
		})
	}
}
