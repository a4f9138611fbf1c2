package backup

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

func TestAChainIsReplayedUntil(t *testing.T) {
	w, p := newWorld(t), Folder(t.TempDir())
	var times []time.Time // of the blocks
	for i := range 3 {
		w.pay(8)
		_, err := w.copy(p, i > 0)
		require.NoError(t, err)
	}
	require.NoError(t, w.store.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, 6)
		times = append(times, b.Timestamp.Time())
		return err
	}))
	entries, err := List(t.Context(), p, false)
	require.NoError(t, err)
	last, _ := LastOf(entries, token)
	series, err := SeriesOf(entries, last)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		until Until
		want  uint64
		err   error
	}{
		"all":                      {Until{}, w.length(), nil},
		"the first block":          {Until{Block: 1}, 1, nil},
		"a block of the second":    {Until{Block: 7}, 7, nil},
		"the last block":           {Until{Block: w.length()}, w.length(), nil},
		"one more":                 {Until{Block: w.length() + 1}, w.length(), ErrUntil},
		"the time of a block":      {Until{Time: times[3]}, 4, nil},
		"just before it":           {Until{Time: times[3].Add(-time.Microsecond)}, 3, nil},
		"long after":               {Until{Time: times[len(times)-1].Add(time.Hour)}, w.length(), nil},
		"before there was a chain": {Until{Time: times[0].Add(-time.Second)}, 0, ErrUntil},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "state")})
			require.NoError(t, err)
			defer s.Close()
			length, err := OpenSeries(p, series).Replay(t.Context(), s, c.until)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, length)
			if c.err != nil {
				return
			}
			require.Equal(t, length, s.AppliedIndex(), "the same on whatever machine")
			_, tip, err := s.Block(token, length)
			require.NoError(t, err)
			_, want, err := w.store.Block(token, length)
			require.NoError(t, err)
			require.Equal(t, want, tip)
		})
	}
}
