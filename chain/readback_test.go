package chain

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// misleading are texts that look as what stands around records.
var misleading = []string{`}, {`, `}, {"transactions": [ ] `, `x}, {"amount`, `"}, {"`, `\}, {`, `{"`, `]`, `"`, `\`, `}, `, `}, {a`}

// keptBlock is a genesis block's contract, its id, and a block after it in whose
// memos stands what ends a record.
func keptBlock(t testing.TB, wallets Wallets, records int) (v Verifier, kept []byte) {
	c := DefaultContract()
	c.Wallets, c.BPSC = wallets, OpenBPSC
	if wallets == SignedWallets {
		c.BPSC = BPSCAddress(c.Token)
	}
	first := &Block{Header: Header{Index: 1, Timestamp: 1_800_000_000 * second, PreviousHash: GenesisPrevious, Trigger: ByGenesis,
		HasRoot: true, Totals: &Totals{}, Contract: &c}}
	first.Root = rootOf(first)
	_, err := v.Next(first.Append(nil, c.Decimals))
	require.NoError(t, err)
	next := &Block{Header: Header{Index: 2, Timestamp: first.Timestamp + second, PreviousHash: v.Tip().String(), Trigger: ByRequest,
		HasRoot: true, Totals: &Totals{}}}
	for i := range records {
		x := Transaction{ID: DeriveID([]byte(fmt.Sprint(i))), Kind: Transfer, Sender: "a", Recipient: "b", Amount: 1_000_000,
			Memo: misleading[i%len(misleading)]}
		if wallets == OpenWallets {
			x.Sender, x.Recipient = misleading[(i+1)%len(misleading)], misleading[(i+2)%len(misleading)]
		}
		if wallets == SignedWallets {
			sign(&x, i, v.Tip(), c.Decimals)
		}
		r, err := NewTransfer(&c, &x)
		require.NoError(t, err)
		if wallets == SignedWallets {
			r.Time = next.Timestamp
		}
		next.Records = append(next.Records, r)
	}
	next.Root = rootOf(next)
	return v, next.Append(nil, c.Decimals)
}

func TestABlockReadBackIsTheOneThatWasProduced(t *testing.T) {
	for _, wallets := range []Wallets{OpenWallets, SignedWallets} {
		for _, records := range []int{0, 1, 2, 25} {
			t.Run(fmt.Sprint(wallets, " ", records), func(t *testing.T) {
				v, kept := keptBlock(t, wallets, records)
				back, err := v.ReadBack(kept, HashBytes(kept))
				require.NoError(t, err)
				whole, claims, err := v.CheckClaims(kept)
				require.NoError(t, err)
				require.Equal(t, whole.Block.Header, back.Header)
				require.Equal(t, whole.Hash, back.Hash)
				require.Equal(t, records, back.Records)
				require.Equal(t, claims, back.Claims)
				if wallets == SignedWallets {
					require.Len(t, claims, records, "one of each record")
				}
				linked, followed := v, v
				require.NoError(t, linked.Link(whole))
				require.NoError(t, followed.Follow(&back))
				require.Equal(t, linked, followed)
				require.ErrorIs(t, followed.Follow(&back), ErrInvalid, "it is there once")
			})
		}
	}
}

func TestWhatIsNotABlockIsNotReadBack(t *testing.T) {
	v, kept := keptBlock(t, OpenWallets, 1)
	for name, text := range map[string][]byte{
		"nothing":              nil,
		"no records":           []byte(`{"index": 2}`),
		"brackets in disorder": []byte(`] "transactions": [`),
		"not canonical":        bytes.Replace(kept, []byte(`"index": 2`), []byte(`"index":  2`), 1),
	} {
		_, err := v.ReadBack(text, HashBytes(text))
		require.Error(t, err, name)
	}
}

func FuzzReadBlockBack(f *testing.F) {
	for _, wallets := range []Wallets{OpenWallets, SignedWallets} {
		_, kept := keptBlock(f, wallets, 2)
		f.Add(kept, wallets == SignedWallets)
	}
	f.Fuzz(func(t *testing.T, text []byte, signed bool) {
		c := DefaultContract()
		if c.Wallets = OpenWallets; signed {
			c.Wallets = SignedWallets
		}
		back, err := ReadBlockBack(text, HashBytes(text), &c, Hash{1})
		whole, claims, wholeErr := CheckClaims(text, &c, Hash{1})
		if err != nil || wholeErr != nil {
			return // it need not be good for the one where it is for the other
		}
		require.Equal(t, whole.Block.Header, back.Header)
		require.Equal(t, len(whole.Block.Records), back.Records)
		require.Equal(t, claims, back.Claims)
	})
}

// BenchmarkReadBack is beside BenchmarkCheck.
func BenchmarkReadBack(b *testing.B) {
	for _, wallets := range []Wallets{OpenWallets, SignedWallets} {
		const records = 1000
		genesis, full := benchBlock(b, wallets, records)
		var v Verifier
		_, err := v.Next(genesis)
		require.NoError(b, err)
		hash := HashBytes(full) // whoever reads the bytes compares it
		b.Run(fmt.Sprint(wallets), func(b *testing.B) {
			b.SetBytes(int64(len(full)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := v.ReadBack(full, hash)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
		})
		b.Run(fmt.Sprint(wallets, " whole, without signatures"), func(b *testing.B) {
			b.SetBytes(int64(len(full)))
			b.ReportAllocs()
			for b.Loop() {
				_, _, err := v.CheckClaims(full)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
