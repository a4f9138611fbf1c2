package store

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
)

// Transaction returns what an id was decided to be. It reads the record and its
// neighbours, not their block.
func (s *Store) Transaction(token string, id chain.ID) (chain.Outcome, error) {
	var out chain.Outcome
	var decimals int
	f, err := lookup(s, token, func(h *Head) (found, bool) {
		out.AppliedIndex, decimals = s.meta.Applied, h.Contract.Decimals
		return s.placementInMemory(idKey{h.Number, id})
	}, func(r pebble.Reader, contract uint32) (found, error) { return placementOnDisk(r, idKey{contract, id}) })
	if err == nil && !f.known {
		err = fmt.Errorf("%w: no transaction %s", chain.NotFound, id)
	}
	if err != nil {
		return chain.Outcome{}, err
	}
	out.Block, out.Position, out.Refused = f.Block, f.Position, f.Refused
	out.Record.ID = id
	if f.Refused != "" {
		return out, nil
	}
	texts, err := s.Records(token, []Placement{f.Placement})
	if err == nil {
		out.Record, err = chain.DecodeRecord(texts[0], decimals)
	}
	return out, err
}

// Records returns the texts of records, pending or in blocks, which are where
// their ids were decided to be.
func (s *Store) Records(token string, at []Placement) ([][]byte, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	var texts [][]byte
	for len(texts) < len(at) {
		more, _, err := s.records(token, at[len(texts):], readRunBytes)
		if err != nil {
			return nil, err
		}
		texts = append(texts, more...)
	}
	return texts, nil
}

// records returns the texts of some of the records, at least of the first,
// until it has read about budget bytes, and how many it has read. The caller
// holds using.
func (s *Store) records(token string, at []Placement, budget int) (texts [][]byte, size int, err error) {
	at = at[:min(len(at), readRun)]
	s.mu.RLock()
	h, err := s.head(token)
	if err != nil {
		s.mu.RUnlock()
		return nil, 0, err
	}
	inMemory := make([][]byte, len(at))
	for i := range at {
		if inMemory[i], err = s.recordInMemory(h, at[i]); err != nil {
			break
		}
	}
	r := recordReader{db: s.db, contract: h.Number}
	s.mu.RUnlock()
	for i := 0; err == nil && i < len(at) && (i == 0 || size < budget); i++ {
		text := inMemory[i]
		if text == nil {
			text, err = r.read(at[i])
		}
		texts = append(texts, text)
		size = r.size
	}
	return texts, size, s.noticed(err)
}

// recordInMemory returns the text of a record that no layer's flush has passed;
// nil for any other.
func (s *Store) recordInMemory(h *Head, p Placement) ([]byte, error) {
	if p.Block == h.Index+1 {
		if p.Position >= h.Pending.Count() {
			return nil, noRecord(p.Position)
		}
		return slices.Clone(h.Pending.Record(p.Position)), nil
	}
	if b, ok := s.blockInMemory(blockKey{h.Number, p.Block}); ok {
		return b.record(p.Position)
	}
	return nil, nil
}

// recordReader reads records from Pebble and keeps the piece that it read last:
// neighbours often follow one another.
type recordReader struct {
	db       pebble.Reader
	contract uint32
	size     int // bytes read so far

	key    blockKey
	number int
	piece  piece
}

func (r *recordReader) read(p Placement) ([]byte, error) {
	k, number := blockKey{r.contract, p.Block}, p.Position/pieceRecords
	if k != r.key || number != r.number {
		read, err := readPiece(r.db, k, number)
		if err != nil {
			return nil, err
		}
		r.key, r.number, r.piece = k, number, read
		r.size += len(read.text)
	}
	return r.piece.record(p.Position % pieceRecords)
}
