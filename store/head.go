package store

import (
	"encoding/json"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/holds"
	"github.com/bpsc/bpsc/store/keys"
)

// Head is where one chain stands: everything about it that is not keyed by
// account, id or block. All heads are in memory; there are at most as many as
// contracts. Only Update's function may change one; others look at it with the
// store's mu held. A flush compares each head with what was saved of it, so a change
// needs no mark.
type Head struct {
	Number   uint32 // in order of creation, from 0
	Contract chain.Contract
	ID       chain.Hash // hash of the genesis block
	Standing
	Pending Pending

	changes  []byte // of the state that Digest does not have yet, behind room for that; empty between entries
	attested []chain.Attestation
	attests  uint64 // how often attested was replaced
	tree     frontier
	first    uint64 // the first block that this process produces from records that it has decided
	holds    holds.Queue
	parties  holds.Parties
	saved    *version      // what the rows say; nil before there are any
	produced chan struct{} // closed when the next block is there
	more     chan struct{} // closed when attested has changed
}

// Standing is the part of a Head that is plain values. It is stored as it
// is, whole, and compared as it is: what is added here cannot be forgotten at
// either.
type Standing struct {
	Index        uint64       // of the newest block
	Hash         chain.Hash   // of the newest block
	Timestamp    chain.Micros // of the newest block
	Records      uint64       // in all, pending included
	Totals       chain.Totals
	BalanceSum   chain.Amount // of all accounts, kept by SetAccount; for conservation
	PendingSince chain.Micros // machine time at which the oldest pending record came
	Digest       chain.Hash   // folds every change of the state so far, see Tx.Fold; zero where nobody keeps it
}

// version tells two states of a head apart: all that its rows are made of, with
// counters of changes for what is too large to compare.
type version struct {
	Standing
	pending, attests uint64
}

func (h *Head) version() version { return version{h.Standing, h.Pending.changes, h.attests} }

// Attested is the newest attestations of this chain by members, oldest first; Tx.Attest
// replaces them.
func (h *Head) Attested() []chain.Attestation { return h.attested }

// Pending holds records that are final and that no block holds yet, as they
// will stand in it.
type Pending struct {
	text    []byte // joined by chain.RecordSeparator
	ends    []int  // where each record ends in text
	root    chain.RootBuilder
	shared  bool   // a layer has text as it is now
	changes uint64 // so far
}

// Count is the number of records.
func (p *Pending) Count() int { return len(p.ends) }

// Root is the Merkle root over the records.
func (p *Pending) Root() chain.Hash { return p.root.Root() }

// Text is all of them, joined by chain.RecordSeparator; it is valid until the
// next change.
func (p *Pending) Text() []byte { return p.text }

// AddRecord is Add of a record whose text is written where it will stand. The text is
// valid until the next change.
func (p *Pending) AddRecord(r *chain.Record, decimals int) (text []byte, leaf chain.Hash) {
	start := p.begin()
	p.text = chain.AppendRecord(p.text, r, decimals)
	p.ends = append(p.ends, len(p.text))
	text = p.text[start:]
	return text, p.root.Add(text)
}

// Add appends a record and returns its hash as a leaf of the block's tree.
func (p *Pending) Add(record []byte) chain.Hash {
	p.addText(record)
	return p.root.Add(record)
}

// AddHashed is Add of a record whose hash as a leaf is known. It returns the text as
// AddRecord does.
func (p *Pending) AddHashed(record []byte, leaf chain.Hash) (text []byte) {
	p.root.AddHash(leaf)
	return p.addText(record)
}

func (p *Pending) addText(record []byte) []byte {
	start := p.begin()
	p.text = append(p.text, record...)
	p.ends = append(p.ends, len(p.text))
	return p.text[start:]
}

// begin makes room for the next record and returns where it starts.
func (p *Pending) begin() (start int) {
	p.changes++
	if len(p.ends) > 0 {
		p.text = append(p.text, chain.RecordSeparator...)
	}
	return len(p.text)
}

// Places are where the records stand in a text in which the first begins at
// from.
func (p *Pending) Places(from int) []chain.Span {
	places := make([]chain.Span, len(p.ends))
	start := from
	for i, end := range p.ends {
		places[i] = chain.Span{From: start, To: from + end}
		start = from + end + len(chain.RecordSeparator)
	}
	return places
}

// Record returns the text of the record at position; it is valid until the
// next change.
func (p *Pending) Record(position int) []byte {
	start := 0
	if position > 0 {
		start = p.ends[position-1] + len(chain.RecordSeparator)
	}
	return p.text[start:p.ends[position]]
}

// Clear empties p and keeps its memory.
func (p *Pending) Clear() {
	p.changes++
	if p.shared {
		p.text, p.shared = make([]byte, 0, cap(p.text)), false
	}
	p.text, p.ends = p.text[:0], p.ends[:0]
	p.root.Reset()
}

// share returns what Text does, valid for ever: what is added later stands
// behind it.
func (p *Pending) share() []byte {
	p.shared = true
	if len(p.text) == 0 {
		return []byte{}
	}
	return p.text[:len(p.text):len(p.text)]
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
	Standing
	Pending  int
	Attested []chain.Attestation
}

func (h *Head) rowKey(table byte) string { return string(keys.Prefix(table, h.Number)) }

// save writes h's rows into l where they have changed since the last time.
func (h *Head) save(l *layer) error {
	now := h.version()
	if h.saved != nil && *h.saved == now {
		return nil
	}
	row, err := json.Marshal(headRow{h.Standing, h.Pending.Count(), h.attested})
	if err != nil {
		return err
	}
	l.rows[h.rowKey(keys.HeadTable)] = row
	if h.saved == nil || h.saved.pending != now.pending {
		l.rows[h.rowKey(keys.PendingTable)] = h.Pending.share()
	}
	h.saved = &now
	return nil
}

// loadHead rebuilds a head from its rows and its genesis block.
func loadHead(number uint32, row, pending []byte, genesis *blocks.Block) (*Head, error) {
	var r headRow
	if err := json.Unmarshal(row, &r); err != nil {
		return nil, fmt.Errorf("%w: head: %w", engine.ErrCorrupt, err)
	}
	b, err := chain.DecodeBlock(genesis.Canonical, 0)
	if err != nil || b.Contract == nil {
		return nil, fmt.Errorf("%w: genesis block: %w", engine.ErrCorrupt, err)
	}
	h := newHead(number, *b.Contract)
	h.ID, h.Standing, h.attested = genesis.Hash, r.Standing, r.Attested
	if err := h.Pending.load(pending); err != nil || h.Pending.Count() != r.Pending {
		return nil, fmt.Errorf("%w: pending records", engine.ErrCorrupt)
	}
	if h.first = h.Index + 1; h.Pending.Count() > 0 {
		h.first++ // of those, what is on the disk says
	}
	stored := h.version()
	h.saved = &stored
	return h, nil
}

func newHead(number uint32, c chain.Contract) *Head {
	return &Head{Number: number, Contract: c, first: 1, parties: holds.NewParties(), produced: make(chan struct{}), more: make(chan struct{})}
}

// nextPlace is where the record that is decided next will stand.
func (h *Head) nextPlace() history.Place { return history.PlaceOf(h.Index+1, h.Pending.Count()) }

// Due is the machine time at which h's next block is due by its schedule;
// ok is false when it is not due by time at all.
func (h *Head) Due() (at chain.Micros, ok bool) {
	return h.Contract.Schedule.Due(h.Timestamp, h.PendingSince, h.Pending.Count() > 0)
}
