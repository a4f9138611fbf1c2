package fsm

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// What a look at the past costs, of a wallet that is in each of a million records, of
// the one that has the fees, and of one with a thousand; with what the notes for it
// cost Apply.
func BenchmarkAccountAt(b *testing.B) {
	const records, batch = 1_000_000, 1000
	batches := make([][]byte, 0, records/batch)
	for n := 0; n < records; n += batch {
		txs := make([]chain.Transaction, batch)
		for i := range txs {
			txs[i] = transfer(fmt.Sprint("key", n+i), "busy", fmt.Sprint("wallet-", i), 1_000)
		}
		batches = append(batches, command.Encode(submitRequest("aka", txs...)))
	}
	fill := func(b *testing.B, every uint64) *store.Store {
		s, err := store.Open(store.Config{Dir: filepath.Join(b.TempDir(), "state"), NoteEvery: every})
		require.NoError(b, err)
		m := New(s)
		_, err = m.Apply(1, 1, [][]byte{command.Encode(&command.Create{Contract: []byte(`{"token":"aka","wallets":"open","schedule":{"transactions":100}}`)})})
		require.NoError(b, err)
		for _, data := range batches {
			_, err := m.Apply(s.AppliedIndex()+1, 2, [][]byte{data})
			require.NoError(b, err)
		}
		require.NoError(b, s.Sync(context.Background()))
		return s
	}
	for name, every := range map[string]uint64{"with notes": 0, "without": math.MaxUint64} {
		b.Run("apply "+name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, fill(b, every).Close())
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
		})
	}
	s := fill(b, 0)
	defer func() { require.NoError(b, s.Close()) }()
	for _, name := range []string{"busy", chain.OpenBPSC, "wallet-77", "nobody"} {
		b.Run(name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				_, err := AccountAt(s, "aka", name, 1+rng.Uint64N(records/100))
				require.NoError(b, err)
			}
		})
	}
}
