package keys

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTablesThatGrowAreInTheOrderOfTheirKeys(t *testing.T) {
	require.True(t, slices.IsSorted(growingTables))
}

func TestWhereAFileEnds(t *testing.T) {
	var d Division
	d.Divide([]uint32{2, 3})
	for _, tc := range []struct {
		what       string
		first, end []byte
	}{
		{"few rows go as far as the next table of many", []byte{HeadTable, 9}, []byte{IDTable}},
		{"there is none behind the last", []byte{PolicyTable}, nil},
		{"a short chain's, with those of other short ones", Prefix(BlockTable, 0), Prefix(BlockTable, 2)},
		{"a long chain's", append(Prefix(BlockTable, 2), 7), Prefix(BlockTable, 3)},
		{"the next one's", append(Prefix(BlockTable, 3), 7), Prefix(BlockTable, 4)},
		{"behind the last long one", Prefix(BlockTable, 4), []byte{BlockTable + 1}},
		{"the table as a whole", []byte{BlockTable}, []byte{BlockTable + 1}},
	} {
		require.Equal(t, tc.end, d.End(tc.first), tc.what)
	}
	require.Equal(t, []byte{BlockTable + 1}, new(Division).End(Prefix(BlockTable, 2)))
}
