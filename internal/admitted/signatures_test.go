package admitted

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASignatureIsRememberedOnceAndAsItIs(t *testing.T) {
	s := New()
	good := Signature{Message: [32]byte{1}, Key: [32]byte{2}, Signature: [64]byte{3}}
	s.Add([]Signature{good})
	for what, change := range map[string]func(*Signature){
		"another message":   func(o *Signature) { o.Message[31] ^= 1 },
		"another key":       func(o *Signature) { o.Key[31] ^= 1 },
		"another signature": func(o *Signature) { o.Signature[63] ^= 1 },
	} {
		other := good
		change(&other)
		require.False(t, s.Take(&other), what)
	}
	require.True(t, s.Take(&good))
	require.False(t, s.Take(&good), "and is forgotten")
}

func TestMemoryIsBoundedAndTheNewestAreThere(t *testing.T) {
	const most = 100
	s := newSignatures(most)
	numbered := func(i int) Signature { return Signature{Message: [32]byte{byte(i), byte(i >> 8)}} }
	for i := range 10 * most {
		s.Add([]Signature{numbered(i)})
		require.LessOrEqual(t, len(s.young)+len(s.old), 2*most)
	}
	known := 0
	for i := range 10 * most {
		one := numbered(i)
		if s.Take(&one) {
			known++
		} else {
			require.Less(t, i, 9*most, "one of the newest")
		}
	}
	require.GreaterOrEqual(t, known, most)
}

// Two processes do not name a signature alike, so none can be made for a name.
func TestNamesAreOfTheProcess(t *testing.T) {
	one := Signature{Message: [32]byte{1}}
	require.NotEqual(t, New().name(&one), New().name(&one))
}

func BenchmarkSignatures(b *testing.B) {
	s, batch := New(), make([]Signature, 256)
	for b.Loop() {
		for i := range batch {
			batch[i].Message[0], batch[i].Message[1] = byte(i), byte(b.N)
		}
		s.Add(batch)
		for i := range batch {
			s.Take(&batch[i])
		}
	}
}
