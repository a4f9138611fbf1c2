package fsm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// fullBlocks is a machine with so many blocks of 10,000 records, 3.3 MB each,
// and the transactions that are in them.
func fullBlocks(tb testing.TB, blocks int) (*store.Store, *Machine, []chain.Transaction) {
	s, err := store.Open(store.Config{Dir: filepath.Join(tb.TempDir(), "state")})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	m := New(s)
	create := &command.Create{Contract: []byte(`{"token":"aka","wallets":"open"}`)}
	_, err = m.Apply(1, 1, [][]byte{command.Encode(create)})
	require.NoError(tb, err)
	var all []chain.Transaction
	for range blocks * 10 {
		txs := manyTransfers(len(all), 1000)
		all = append(all, txs...)
		_, err = m.Apply(s.AppliedIndex()+1, 2, [][]byte{command.Encode(submitRequest("aka", txs...))})
		require.NoError(tb, err)
	}
	require.NoError(tb, s.Sync(context.Background()))
	return s, m, all
}

func manyTransfers(first, n int) []chain.Transaction {
	txs := make([]chain.Transaction, n)
	for i := range txs {
		k := first + i
		txs[i] = transfer(fmt.Sprint("key", k), fmt.Sprint("wallet-", k%100_000), fmt.Sprint("wallet-", (k*7919)%100_000), 1_000_000)
	}
	return txs
}

// What a replay costs beside a new transfer, where its record is in a full block
// on disk. The time is that of Apply, which every member spends.
func BenchmarkReplay(b *testing.B) {
	const batch = 100
	for _, replay := range []bool{false, true} {
		b.Run(map[bool]string{false: "new", true: "replay"}[replay], func(b *testing.B) {
			s, m, all := fullBlocks(b, 8)
			rng := rand.New(rand.NewPCG(1, 2))
			next := len(all)
			for b.Loop() {
				b.StopTimer()
				txs := manyTransfers(next, batch)
				next += batch
				for i := range txs {
					if replay {
						txs[i] = all[rng.IntN(len(all))]
					}
				}
				data := command.Encode(submitRequest("aka", txs...))
				b.StartTimer()
				if _, err := m.Apply(s.AppliedIndex()+1, 3, [][]byte{data}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/tx")
		})
	}
}

// What GET /v1/transactions/{id} costs the store, in full blocks on disk.
func BenchmarkReadByID(b *testing.B) {
	s, _, all := fullBlocks(b, 8)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 2))
		for p.Next() {
			if _, err := s.Transaction("aka", all[rng.IntN(len(all))].ID); err != nil {
				b.Error(err)
			}
		}
	})
}

// What GET /chain costs the store.
func BenchmarkReadBlocks(b *testing.B) {
	s, _, _ := fullBlocks(b, 8)
	size := 0
	for b.Loop() {
		size = 0
		require.NoError(b, s.Blocks("aka", 1, 0, func(_ uint64, canonical []byte) error {
			size += len(canonical)
			return nil
		}))
	}
	b.SetBytes(int64(size))
}
