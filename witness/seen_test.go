package witness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
)

func TestAWitnessTellsWhatItHasSeen(t *testing.T) {
	r, h := newRig(t), grow(t, 20, 20, "")
	client := newClient(t)
	w := proof.Cosigner{Name: "w1", Key: witnessKey(t).Verifier(), URL: serve(t, r.answers)}
	seen := func(size uint64) uint64 {
		t.Helper()
		got, err := client.Seen(t.Context(), w, r.sign(t, h.at(t, 1, size), 0, 1))
		require.NoError(t, err)
		return got
	}
	require.Zero(t, seen(7), "nothing yet")
	require.NoError(t, r.ask(t, r.asker, h, 12))
	for _, size := range []uint64{7, 12, 20} {
		require.Equal(t, uint64(12), seen(size), "asking with %d changes nothing", size)
	}
	got, err := client.Seen(t.Context(), w, r.sign(t, grow(t, 20, 3, "fork").at(t, 1, 12), 0, 1))
	require.NoError(t, err)
	require.Equal(t, uint64(12), got, "of another history, too")
	_, err = client.Seen(t.Context(), w, r.sign(t, h.at(t, 1, 7), 0))
	require.ErrorIs(t, err, errRefused, "one signature is not enough")
	_, err = client.Seen(t.Context(), w, []byte("no note"))
	require.ErrorIs(t, err, proof.ErrNote)
}
