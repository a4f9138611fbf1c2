package filter

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/keys"
)

// Each new id that the filter takes for known is looked for in every epoch.
func TestTheFilterTakesFewNewIDsForKnown(t *testing.T) {
	const words = 4 << 10
	f := &bloom{words: make([]uint64, words)}
	f.ready.Store(true)
	id := func(n int) *keys.ID { return &keys.ID{ID: chain.DeriveID([]byte(strconv.Itoa(n)))} }
	for n := range words * idsAWord {
		f.add(id(n))
	}
	known := 0
	for n := range 100_000 {
		if !f.lacks(id(-1 - n)) {
			known++
		}
	}
	require.Less(t, known, 500, "one in 300 is expected where it is as full as it gets")
}
