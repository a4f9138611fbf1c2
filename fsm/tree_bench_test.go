package fsm

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

// BenchmarkEvidence is what evidence costs Apply: the tree of each block's
// records, the log of headers and the digest of the state. The product has no
// switch to leave them out, so that work is done alone, on what Apply has made,
// and compared with all of it.
func BenchmarkEvidence(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprint("open/", size), func(b *testing.B) {
			const records = 200_000
			contract := fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d}}`, size)
			benchEvidence(b, contract, records, openTransfers(records))
		})
	}
}

func benchEvidence(b *testing.B, contract string, records int, batches func(chain.Hash, func([]chain.Transaction))) {
	var requests [][]byte
	batches(chain.Hash{}, func(txs []chain.Transaction) {
		requests = append(requests, command.Encode(submitRequest("aka", txs...)))
	})
	var apply, tree, log, digest time.Duration
	for b.Loop() {
		s, err := store.Open(store.Config{Dir: filepath.Join(b.TempDir(), fmt.Sprint("member-", b.Elapsed()))})
		require.NoError(b, err)
		m := New(s)
		_, err = m.Apply(1, 1_800_000_000*second, [][]byte{command.Encode(&command.Create{Contract: []byte(contract)})})
		require.NoError(b, err)
		require.NoError(b, s.Update(2, func(tx *store.Tx) error { tx.SetLevel(release.For(release.Newest)); return nil }))
		began := time.Now()
		for i, q := range requests {
			_, err := m.Apply(uint64(i)+3, 1_800_000_000*second+int64(i), [][]byte{q})
			require.NoError(b, err)
		}
		apply += time.Since(began)
		made := readBack(b, s)
		n, took := made.treeOnly()
		require.Equal(b, records, n)
		tree += took
		require.NoError(b, s.Update(s.AppliedIndex()+1, func(tx *store.Tx) error {
			digest += made.digestOnly(tx, n)
			return nil
		}))
		require.NoError(b, s.Close())
		log += made.logOnly()
	}
	done := float64(b.N * records)
	b.ReportMetric(done/apply.Seconds(), "records/s")
	for unit, took := range map[string]time.Duration{"tree-%": tree, "log-%": log, "digest-%": digest, "evidence-%": tree + log + digest} {
		b.ReportMetric(100*took.Seconds()/apply.Seconds(), unit)
	}
}

// applied is what Apply has made. Of records there are as many as stay in the
// processor's cache: there they are when Apply comes to them.
type applied struct {
	texts   [][]byte
	records []chain.Record
	blocks  []appliedBlock
}

type appliedBlock struct {
	header  chain.Header
	hash    chain.Hash
	records int
}

// hotRecords is how many records are gone through again and again.
const hotRecords = 1000

func readBack(b *testing.B, s *store.Store) (made applied) {
	for _, canonical := range blocksOf(b, s, "aka") {
		block, err := chain.DecodeBlock(canonical, 6)
		require.NoError(b, err)
		for i := range block.Records {
			if r := &block.Records[i]; len(made.records) < hotRecords {
				made.texts = append(made.texts, chain.AppendRecord(nil, r, 6))
				made.records = append(made.records, *r)
			}
		}
		made.blocks = append(made.blocks, appliedBlock{block.Header, chain.HashBytes(canonical), len(block.Records)})
	}
	return made
}

// treeOnly makes the root of each block's records.
func (made applied) treeOnly() (n int, took time.Duration) {
	began := time.Now()
	var root chain.RootBuilder
	for _, b := range made.blocks {
		for range b.records {
			root.Add(made.texts[n%hotRecords])
			n++
		}
		_ = root.Root()
		root.Reset()
	}
	return n, time.Since(began)
}

// logOnly adds each block to the log of headers.
func (made applied) logOnly() time.Duration {
	began := time.Now()
	var log chain.RootBuilder
	nodes := map[int]chain.Hash{} // as many writes as the store has
	for i := range made.blocks {
		b := &made.blocks[i]
		leaf := proof.LeafOf(&b.header, b.hash, b.records)
		entry := leaf.EntryHash()
		log.Add(entry[:])
		nodes[2*i], nodes[2*i+1] = entry, entry
	}
	return time.Since(began)
}

// digestOnly folds the three accounts that each of n transfers changes.
func (made applied) digestOnly(tx *store.Tx, n int) time.Duration {
	began := time.Now()
	h := tx.Heads()[0]
	for i := range n {
		r := &made.records[i%hotRecords]
		foldAccount(tx, h, r.Sender, chain.Account{Balance: r.AmountSend, Records: uint64(i)})
		foldAccount(tx, h, r.Recipient, chain.Account{Balance: r.AmountReceive, Records: uint64(i)})
		foldAccount(tx, h, r.BPSC, chain.Account{Balance: r.AmountBPSC, Records: uint64(i)})
	}
	return time.Since(began)
}
