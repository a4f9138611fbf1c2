package fsm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// benchWallets is among how many accounts the benchmarks' transfers are.
const benchWallets = 100_000

// produced is the chain that a machine makes of requests.
func produced(b *testing.B, contract string, batches func(id chain.Hash, yield func(txs []chain.Transaction))) (blocks [][]byte) {
	s, err := store.Open(store.Config{Dir: filepath.Join(b.TempDir(), "member")})
	require.NoError(b, err)
	m, index := New(s), uint64(0)
	apply := func(q command.Request) {
		index++
		_, err := m.Apply(index, 1_800_000_000*second+int64(index), [][]byte{command.Encode(q)})
		require.NoError(b, err)
	}
	apply(&command.Create{Contract: []byte(contract)})
	batches(mustInfo(b, s, "aka").ID, func(txs []chain.Transaction) { apply(submitRequest("aka", txs...)) })
	blocks = blocksOf(b, s, "aka")
	require.Zero(b, mustInfo(b, s, "aka").Pending)
	require.NoError(b, s.Close())
	return blocks
}

func openTransfers(records int) func(chain.Hash, func([]chain.Transaction)) {
	return func(_ chain.Hash, yield func([]chain.Transaction)) {
		txs := make([]chain.Transaction, 1000)
		for n := 0; n < records; n += len(txs) {
			for i := range txs {
				k := n + i
				txs[i] = transfer(fmt.Sprint("key", k), fmt.Sprint("wallet-", k%benchWallets), fmt.Sprint("wallet-", k*7919%benchWallets), 1_000_000)
			}
			yield(txs)
		}
	}
}

// signedTransfers are by 1000 people, to whom the issuer has given tokens.
func signedTransfers(w *town, records int) func(chain.Hash, func([]chain.Transaction)) {
	return func(id chain.Hash, yield func([]chain.Transaction)) {
		w.chainID = id
		people := make([]*person, 1000)
		txs := make([]chain.Transaction, len(people))
		for i := range people {
			people[i] = newPerson(fmt.Sprint("citizen ", i))
		}
		for n := 0; n < records; n += len(txs) {
			for i, p := range people {
				from, to, amount := p, people[(i*7919+n/1000)%len(people)], chain.Amount(1000)
				if n == 0 {
					from, to, amount = w.issuer, p, 1_000_000
				} else if from == to {
					to = w.issuer
				}
				txs[i] = w.finish(&chain.Transaction{Kind: chain.Transfer, Recipient: to.address, Amount: amount}, from, 0, 1_800_000_600)
			}
			yield(txs)
		}
	}
}

func BenchmarkAdopt(b *testing.B) {
	for _, size := range []int{100, 1000} {
		const records = 300_000
		blocks := produced(b, fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d}}`, size), openTransfers(records))
		b.Run(fmt.Sprint("open/", size), func(b *testing.B) { benchAdopt(b, blocks, records) })
	}
	const records = 20_000
	w := newTown(`,"schedule":{"transactions":1000}`, true)
	w.contract = strings.Replace(w.contract, `"1000000"`, `"9000000000000"`, 1)
	blocks := produced(b, w.contract, signedTransfers(w, records))
	b.Run("signed/1000", func(b *testing.B) { benchAdopt(b, blocks, records) })
}

// benchAdopt is what a follower with one core does for a chain, from the bytes
// to what is durable.
func benchAdopt(b *testing.B, blocks [][]byte, records int) {
	const run = 64 // blocks that are handed over together
	have := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		s, err := store.Open(store.Config{Dir: filepath.Join(b.TempDir(), fmt.Sprint("follower-", b.Elapsed())), Log: true})
		require.NoError(b, err)
		a := NewAdopter(s)
		first, err := chain.CheckBlock(blocks[0], nil, chain.Hash{})
		require.NoError(b, err)
		batch := []chain.Checked{first}
		for i, canonical := range blocks[1:] {
			c, err := chain.CheckBlock(canonical, first.Block.Contract, first.Hash)
			require.NoError(b, err)
			if batch = append(batch, c); len(batch) == run || i == len(blocks)-2 {
				n, err := a.Adopt("aka", batch)
				require.NoError(b, err)
				require.Len(b, batch, n)
				batch = batch[:0]
			}
		}
		require.NoError(b, s.Sync(context.Background()))
		have = mustInfo(b, s, "aka").Records
		require.NoError(b, s.Close())
	}
	require.Equal(b, uint64(records), have)
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkAudit is a full verification without a store: what an auditor with
// one core does.
func BenchmarkAudit(b *testing.B) {
	const records = 300_000
	for _, size := range []int{100, 1000} {
		blocks := produced(b, fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d}}`, size), openTransfers(records))
		b.Run(fmt.Sprint("open/", size), func(b *testing.B) {
			for b.Loop() {
				auditor := NewAuditor()
				for _, canonical := range blocks {
					_, err := auditor.Next(canonical)
					require.NoError(b, err)
				}
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
