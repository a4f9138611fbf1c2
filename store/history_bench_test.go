package store

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// BenchmarkHistoryIndex is what the flusher does for a transfer, Pebble aside.
func BenchmarkHistoryIndex(b *testing.B) {
	const length, size = 50, 1000
	l := newLayer(nil)
	for i := range length {
		var p Pending
		for j := range size {
			n := i*size + j
			r := transferRecord(n, fmt.Sprint("wallet-", n%1_000), fmt.Sprint("wallet-", n*7919%1_000))
			p.Add(chain.AppendRecord(nil, &r, 6))
		}
		canonical, at := chain.AppendBlock(nil, &chain.Header{Index: uint64(i) + 1}, p.Text(), 6)
		l.setBlock(keys.Block{Index: uint64(i) + 1}, &blocks.Block{Canonical: canonical, Hash: chain.HashBytes(canonical), Records: p.Places(at)})
	}
	rows := 0
	for b.Loop() {
		l.index = history.Index{}
		for from, more := l.unindexed(); len(more) > 0; from, more = l.unindexed() {
			l.index.Extend(from, more)
		}
		rows = len(l.index.AppendRows(nil, nil))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*length*size), "ns/record")
	b.ReportMetric(float64(rows)/(length*size), "rows/record")
}

// BenchmarkHistory reads pages of a chain of a million records, 1000 a block.
func BenchmarkHistory(b *testing.B) {
	const records, size, wallets = 1_000_000, 1000, 10_000
	r := newHistoryRigOn(b, vfs.Default, b.TempDir(), 0)
	defer func() { require.NoError(b, r.store.Close()) }()
	r.log = make([]func(*Tx), len(r.log), records)
	list := make([]chain.Record, size)
	for n := 0; n < records; n += size {
		for i := range list {
			list[i] = transferRecord(n+i, fmt.Sprint("wallet-", (n+i)%wallets), "shop")
		}
		if n%(records/10) == 0 {
			list[0].Recipient = "rare"
		}
		r.add(list...)
		r.produce()
	}
	for name, ask := range map[string]struct {
		account string
		q       chain.HistoryQuery
	}{
		"busy/100 newest":      {"shop", chain.HistoryQuery{}},
		"busy/1000 oldest":     {"shop", chain.HistoryQuery{Limit: 1000, OldestFirst: true}},
		"busy/nothing matches": {"shop", chain.HistoryQuery{Kinds: []chain.Kind{chain.Burn}}},
		"usual/10 newest":      {"wallet-7", chain.HistoryQuery{Limit: 10}},
		"usual/100 newest":     {"wallet-7", chain.HistoryQuery{}},
		"rare/all":             {"rare", chain.HistoryQuery{}},
		"nobody":               {"nobody", chain.HistoryQuery{}},
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				page, err := r.store.History("aka", ask.account, ask.q)
				require.NoError(b, err)
				n = len(page.Records)
			}
			b.ReportMetric(float64(n), "records")
		})
	}
}
