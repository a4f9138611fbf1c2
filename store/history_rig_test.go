package store

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/history"
)

// historyRig is a store with one chain, to which records are added as the
// machine would, but any record at all.
type historyRig struct {
	t     require.TestingT
	files vfs.FS
	dir   string
	layer int
	store *Store
	log   []func(*Tx)
}

// newHistoryRig has its files in memory: a disk is the matter of other tests.
func newHistoryRig(t require.TestingT, layer int) *historyRig {
	return newHistoryRigOn(t, vfs.NewMem(), "", layer)
}

func newHistoryRigOn(t require.TestingT, files vfs.FS, dir string, layer int) *historyRig {
	r := &historyRig{t: t, files: files, dir: dir, layer: layer}
	r.open()
	r.update(func(tx *Tx) {
		c, err := chain.DecodeContract([]byte(`{"wallets":"open"}`))
		require.NoError(t, err)
		seal(tx.CreateChain(c), tx)
	})
	return r
}

// open opens the store and applies what it lacks.
func (r *historyRig) open() {
	s, err := Open(Config{Dir: filepath.Join(r.dir, "state"), LayerBytes: r.layer, FilterBytes: testFilter, EpochRecords: 20, FS: r.files})
	require.NoError(r.t, err)
	r.store = s
	for i := s.AppliedIndex(); i < uint64(len(r.log)); i++ {
		r.apply(i+1, r.log[i])
	}
}

func (r *historyRig) apply(index uint64, change func(*Tx)) {
	require.NoError(r.t, r.store.Update(index, func(tx *Tx) error {
		change(tx)
		return nil
	}))
}

func (r *historyRig) update(change func(*Tx)) {
	r.log = append(r.log, change)
	r.apply(uint64(len(r.log)), change)
}

func (r *historyRig) add(records ...chain.Record) {
	r.update(func(tx *Tx) {
		h := tx.Head("aka")
		for i := range records {
			h.Pending.Add(chain.AppendRecord(nil, &records[i], h.Contract.Decimals))
			h.Records++
		}
	})
}

func (r *historyRig) produce() { r.update(func(tx *Tx) { seal(tx.Head("aka"), tx) }) }

// seal makes the pending records of h a block.
func seal(h *Head, tx *Tx) {
	header := chain.Header{Index: h.Index + 1, PreviousHash: h.Hash.String(), Trigger: chain.ByRequest, Root: h.Pending.Root(), HasRoot: true, Totals: &chain.Totals{}}
	if h.Index == 0 {
		header.PreviousHash, header.Trigger, header.Contract = chain.GenesisPrevious, chain.ByGenesis, &h.Contract
	}
	canonical, recordsAt := chain.AppendBlock(nil, &header, h.Pending.Text(), h.Contract.Decimals)
	b := &blocks.Block{Canonical: canonical, Hash: chain.HashBytes(canonical), Records: h.Pending.Places(recordsAt)}
	h.Index, h.Hash = header.Index, b.Hash
	if h.Index == 1 {
		h.ID = h.Hash
	}
	h.Pending.Clear()
	tx.AddBlock(h, chain.Hash{byte(h.Index)}, b)
}

// scan is the whole chain read the slow way, oldest first.
func (r *historyRig) scan() (all []chain.HistoryRecord) {
	require.NoError(r.t, r.store.Blocks("aka", 1, 0, func(index uint64, canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, 6)
		require.NoError(r.t, err)
		for i, record := range b.Records {
			all = append(all, chain.HistoryRecord{Record: record, Block: index, Position: i, Cursor: history.PlaceOf(index, i).Cursor()})
		}
		return nil
	}))
	h := r.store.heads[0]
	for i := range h.Pending.Count() {
		record, err := chain.DecodeRecord(h.Pending.Record(i), 6)
		require.NoError(r.t, err)
		all = append(all, chain.HistoryRecord{Record: record, Block: h.Index + 1, Position: i, Pending: true, Cursor: history.PlaceOf(h.Index+1, i).Cursor()})
	}
	return all
}

// matching is what a query has to find in all, in its order.
func matching(all []chain.HistoryRecord, account string, q chain.HistoryQuery) (list []chain.HistoryRecord) {
	for _, r := range all {
		own := (r.Record.Kind == chain.Spend || r.Record.Kind == chain.Burn) && r.Record.BPSC == account
		in, out := r.Record.Recipient == account, r.Record.Sender == account || own
		named := r.Record.Rules != nil && r.Record.Rules.Account == account
		if q.Direction == chain.In && !in || q.Direction == chain.Out && !out || !in && !out && !named {
			continue
		}
		if len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Record.Kind) {
			list = append(list, r)
		}
	}
	if !q.OldestFirst {
		slices.Reverse(list)
	}
	return list
}

func place1(r chain.HistoryRecord) history.Place { return history.PlaceOf(r.Block, r.Position) }

func transferRecord(i int, from, to string) chain.Record {
	return chain.Record{
		Kind: chain.Transfer, ID: chain.DeriveID([]byte(fmt.Sprint(i))), BPSC: chain.OpenBPSC,
		Sender: from, Recipient: to, AmountSend: 1_000_000, AmountBPSC: 50, AmountReceive: 999_950,
	}
}
