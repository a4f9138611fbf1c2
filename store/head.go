package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Head is where one chain stands: everything about it that is not keyed by
// account, id or block. All heads are in memory; there are at most as many as
// contracts. Only Update's function may change one, and marks it with Touch.
type Head struct {
	Number       uint32 // in order of creation, from 0
	Contract     chain.Contract
	ID           chain.Hash // hash of the genesis block
	Index        uint64     // of the newest block
	Hash         chain.Hash // of the newest block
	Timestamp    int64      // of the newest block, unix microseconds
	Records      uint64     // in all, pending included
	Totals       chain.Totals
	BalanceSum   chain.Amount // of all accounts, kept by SetAccount; for conservation
	Pending      Pending
	PendingSince int64               // machine time at which the oldest pending record came
	Digest       chain.Hash          // folds every change of the state so far; zero where nobody keeps it
	Attested     []chain.Attestation // the newest words of members on this chain, oldest first
	tree         frontier
	holds        holdQueue
	dirty        bool
	produced     chan struct{} // closed when the next block is there
	attested     chan struct{} // closed when Attested has changed
}

// Touch marks h as changed.
func (h *Head) Touch() { h.dirty = true }

// Pending holds records that are final and that no block holds yet, as they
// will stand in it.
type Pending struct {
	Text []byte // joined by chain.RecordSeparator
	ends []int  // where each record ends in Text
	root chain.RootBuilder
}

// Count is the number of records.
func (p *Pending) Count() int { return len(p.ends) }

// Root is the Merkle root over the records.
func (p *Pending) Root() chain.Hash { return p.root.Root() }

// Add appends a record.
func (p *Pending) Add(record []byte) {
	if len(p.ends) > 0 {
		p.Text = append(p.Text, chain.RecordSeparator...)
	}
	p.Text = append(p.Text, record...)
	p.ends = append(p.ends, len(p.Text))
	p.root.Add(record)
}

// Record returns the text of the record at position; it is valid until the
// next change.
func (p *Pending) Record(position int) []byte {
	start := 0
	if position > 0 {
		start = p.ends[position-1] + len(chain.RecordSeparator)
	}
	return p.Text[start:p.ends[position]]
}

// Clear empties p and keeps its memory.
func (p *Pending) Clear() {
	p.Text, p.ends = p.Text[:0], p.ends[:0]
	p.root.Reset()
}

// load sets p from its joined text.
func (p *Pending) load(text []byte) error {
	p.Clear()
	s := pyjson.NewScanner(append(append([]byte{'['}, text...), ']'))
	return s.Array(func(int) error {
		record, err := s.Raw()
		if err == nil {
			p.Add(record)
		}
		return err
	})
}

// headRow is a Head as Pebble holds it; the contract stands in its genesis
// block, the pending records in a row of their own.
type headRow struct {
	Index      uint64
	Hash       string
	Timestamp  int64
	Records    uint64
	Totals     chain.Totals
	BalanceSum chain.Amount
	Pending    int
	Since      int64
	Digest     chain.Hash
	Attested   []chain.Attestation
}

func (h *Head) rowKey(table byte) string { return string(tableKey(table, h.Number)) }

// save writes h's rows into l.
func (h *Head) save(l *layer) error {
	row, err := json.Marshal(headRow{
		Index: h.Index, Hash: h.Hash.String(), Timestamp: h.Timestamp, Records: h.Records,
		Totals: h.Totals, BalanceSum: h.BalanceSum, Pending: h.Pending.Count(), Since: h.PendingSince,
		Digest: h.Digest, Attested: h.Attested,
	})
	if err != nil {
		return err
	}
	l.rows[h.rowKey(headTable)] = row
	l.rows[h.rowKey(pendingTable)] = append([]byte{}, h.Pending.Text...)
	h.dirty = false
	return nil
}

// loadHead rebuilds a head from its rows and its genesis block.
func loadHead(number uint32, row, pending, genesis []byte) (*Head, error) {
	var r headRow
	if err := json.Unmarshal(row, &r); err != nil {
		return nil, fmt.Errorf("%w: head: %w", errCorrupt, err)
	}
	id, canonical, err := decodeBlock(genesis)
	if err != nil {
		return nil, err
	}
	b, err := chain.DecodeBlock(canonical, 0)
	if err != nil || b.Contract == nil {
		return nil, fmt.Errorf("%w: genesis block: %w", errCorrupt, err)
	}
	hash, err := chain.ParseHash(r.Hash)
	if err != nil {
		return nil, fmt.Errorf("%w: head: %w", errCorrupt, err)
	}
	h := &Head{
		Number: number, Contract: *b.Contract, ID: id, Index: r.Index, Hash: hash, Timestamp: r.Timestamp,
		Records: r.Records, Totals: r.Totals, BalanceSum: r.BalanceSum, PendingSince: r.Since, produced: make(chan struct{}),
		Digest: r.Digest, Attested: r.Attested, attested: make(chan struct{}),
	}
	if err := h.Pending.load(pending); err != nil || h.Pending.Count() != r.Pending {
		return nil, fmt.Errorf("%w: pending records", errCorrupt)
	}
	return h, nil
}

// contractOf reads the contract's number from a key of any table.
func contractOf(key []byte) uint32 { return binary.BigEndian.Uint32(key[1:]) }

// Due is the machine time at which h's next block is due by its schedule,
// unix microseconds; ok is false when it is not due by time at all. Where
// empty blocks are wanted it is the interval after the block before; where they
// are not, after the oldest record that waits, so that what comes after a quiet
// time is gathered as well.
func (h *Head) Due() (micros int64, ok bool) {
	s := h.Contract.Schedule
	switch {
	case s.Every == 0:
		return 0, false
	case s.Empty:
		return h.Timestamp + s.Every.Microseconds(), true
	}
	return h.PendingSince + s.Every.Microseconds(), h.Pending.Count() > 0
}
