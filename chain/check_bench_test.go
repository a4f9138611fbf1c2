package chain

import (
	stded25519 "crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchBlock is a chain of a genesis block and one full of transfers, among
// 100,000 names in an open contract, by a key each in a signed one.
func benchBlock(b *testing.B, wallets Wallets, records int) (genesis, full []byte) {
	c := DefaultContract()
	c.Wallets, c.BPSC = wallets, OpenBPSC
	if wallets == SignedWallets {
		c.BPSC = BPSCAddress(c.Token)
	}
	first := &Block{Header: Header{Index: 1, Timestamp: 1_800_000_000 * second, PreviousHash: GenesisPrevious, Trigger: ByGenesis,
		HasRoot: true, Totals: &Totals{}, Contract: &c}}
	first.Root = rootOf(first)
	genesis = first.Append(nil, c.Decimals)
	id := HashBytes(genesis)
	next := &Block{Header: Header{Index: 2, Timestamp: first.Timestamp + second, PreviousHash: id.String(), Trigger: ByRequest,
		HasRoot: true, Totals: &Totals{}}}
	for i := range records {
		t := Transaction{ID: DeriveID([]byte(fmt.Sprint("key", i))), Kind: Transfer, Sender: fmt.Sprint("wallet-", i%100_000),
			Recipient: fmt.Sprint("wallet-", i*7919%100_000), Amount: 12_500_000 + Amount(i)}
		if wallets == SignedWallets {
			sign(&t, i, id, c.Decimals)
		}
		r, err := NewTransfer(&c, &t)
		require.NoError(b, err)
		if wallets == SignedWallets {
			r.Time = next.Timestamp
		}
		next.Records = append(next.Records, r)
	}
	next.Root = rootOf(next)
	return genesis, next.Append(nil, c.Decimals)
}

// sign makes t the transaction of the i-th key, to the address of another.
func sign(t *Transaction, i int, chainID Hash, decimals int) {
	var seed [stded25519.SeedSize]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i))
	key := stded25519.NewKeyFromSeed(seed[:])
	t.Auth = &Auth{Nonce: fmt.Sprintf("%032x", i), Expires: 1_800_000_100}
	copy(t.Auth.PublicKey[:], key.Public().(stded25519.PublicKey))
	t.Sender = t.Auth.PublicKey.Address()
	t.Recipient = PublicKey(DeriveID(seed[:])).Address()
	message := t.AppendSigned(nil, chainID, decimals)
	t.ID = SignedID(message)
	copy(t.Auth.Signature[:], stded25519.Sign(key, message))
}

// BenchmarkCheck is CheckBlock and Link, and beside it what the signatures
// alone take.
func BenchmarkCheck(b *testing.B) {
	for _, wallets := range []Wallets{OpenWallets, SignedWallets} {
		for _, records := range []int{100, 1000} {
			genesis, full := benchBlock(b, wallets, records)
			var v Verifier
			_, err := v.Next(genesis)
			require.NoError(b, err)
			b.Run(fmt.Sprint(wallets, "/", records), func(b *testing.B) {
				b.SetBytes(int64(len(full)))
				b.ReportAllocs()
				for b.Loop() {
					next := v
					c, err := CheckBlock(full, &v.Contract, v.chainID)
					require.NoError(b, err)
					require.NoError(b, next.Link(c))
				}
				b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
			})
			if wallets == OpenWallets {
				continue
			}
			block, err := DecodeBlock(full, v.Contract.Decimals)
			require.NoError(b, err)
			batch := make([]Signed, records)
			for i := range batch {
				t, _ := block.Records[i].Transaction()
				batch[i] = Signed{t.Auth.PublicKey, t.Auth.Signature, t.AppendSigned(nil, v.chainID, v.Contract.Decimals)}
			}
			b.Run(fmt.Sprint("signatures alone/", records), func(b *testing.B) {
				for b.Loop() {
					require.False(b, slices.Contains(VerifyBatch(batch), false))
				}
				b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}
