package chain

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/stretchr/testify/require"
)

// With keys that are remembered, forgotten and new, the same signatures are good as without:
// those that are none, and of keys that are none, among them.
func TestKeysThatAreRememberedChangeNothing(t *testing.T) {
	k := NewKeys(8)
	rng := rand.New(rand.NewPCG(1, 2))
	good, bad := 0, 0
	for range 200 {
		n := 1 + rng.IntN(12)
		if rng.IntN(20) == 0 {
			n += largeBatch
		}
		batch := make([]Signed, n)
		for i := range batch {
			s := signedBy(byte(rng.IntN(16)), fmt.Sprint(rng.IntN(100)))
			switch rng.IntN(8) {
			case 0:
				s.Signature[rng.IntN(64)] ^= 1 << rng.IntN(8)
			case 1:
				s.Key[rng.IntN(32)] ^= 1 << rng.IntN(8)
			case 2: // small order, and not canonical: ZIP-215 has an opinion
				s.Key, s.Signature = PublicKey{0: 1, 31: 0x80 * byte(rng.IntN(2))}, Signature{0: 1}
			case 3:
				for j := range s.Key {
					s.Key[j] = 0xff
				}
			}
			batch[i] = s
		}
		want := make([]bool, len(batch))
		for i := range batch {
			want[i] = batch[i].Verify()
			if want[i] {
				good++
			} else {
				bad++
			}
		}
		require.Equal(t, want, k.VerifyBatch(batch))
	}
	require.Positive(t, good)
	require.Positive(t, bad)
}

// A large batch of keys that come once fills nothing; one key that comes again is remembered.
func TestKeysThatComeOnceAreNotRemembered(t *testing.T) {
	batch := make([]Signed, largeBatch)
	for i := range batch {
		batch[i] = signedBy(byte(i), "m")
	}
	k := NewKeys(len(batch))
	remembered := func(s *Signed) bool { return k.ready.Get((*curve.CompressedEdwardsY)(&s.Key)) != nil }
	k.VerifyBatch(batch)
	require.False(t, remembered(&batch[1]))
	for i := range batch {
		batch[i] = batch[1]
	}
	k.VerifyBatch(batch)
	require.True(t, remembered(&batch[1]))
}

func BenchmarkKeys(b *testing.B) {
	for _, size := range []int{1, 8, 32, 256} {
		all := make([]Signed, 256)
		for i := range all {
			all[i] = signedBy(byte(i), "m")
		}
		k := NewKeys(len(all))
		for name, verify := range map[string]func([]Signed) []bool{"without": VerifyBatch, "remembered": k.VerifyBatch} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				n := 0
				for b.Loop() {
					verify(all[n : n+size])
					n = (n + size) % len(all)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "us/signature")
			})
		}
	}
}
