package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// readFound reads what was found, in its order, and returns how much of it was
// read. It reads the first block whatever its size, and stops where
// that and the others come to w.bytes.
func (s *Store) readFound(token string, w *walk) (out []chain.HistoryRecord, n int, err error) {
	wanted := w.found[:min(len(w.found), w.need-1)]
	for n < len(wanted) && w.bytes > 0 {
		first := n
		for n < len(wanted) && wanted[n].at.block() == wanted[first].at.block() {
			n++
		}
		group := slices.Clone(wanted[first:n])
		if !w.up {
			slices.Reverse(group) // as they stand in the block
		}
		read, size, err := s.readGroup(token, w, group)
		if err != nil {
			return nil, 0, err
		}
		if !w.up {
			slices.Reverse(read)
		}
		out = append(out, read...)
		w.bytes -= size
	}
	return out, n, nil
}

// readGroup reads those records of one block that are the account's.
func (s *Store) readGroup(token string, w *walk, group []posting) ([]chain.HistoryRecord, int, error) {
	f, err := s.fetch(token, group)
	if err != nil {
		return nil, 0, err
	}
	if f.block != nil {
		if f.texts, err = recordTexts(f.block, group); err != nil {
			return nil, 0, err
		}
	}
	out := make([]chain.HistoryRecord, 0, len(group))
	for i, p := range group {
		r := chain.HistoryRecord{Block: p.at.block(), Position: p.at.position(), Pending: f.block == nil, Cursor: p.at.cursor()}
		if r.Record, err = chain.DecodeRecord(f.texts[i], f.decimals); err != nil {
			return nil, 0, err
		}
		m := mentionOf(&r.Record)
		if w.wants(m.tagsFor(w.account)) {
			out = append(out, r)
		}
	}
	return out, f.size, nil
}

// fetched is a block, or the texts of pending records.
type fetched struct {
	block    []byte
	texts    [][]byte
	size     int
	decimals int
}

func (s *Store) fetch(token string, group []posting) (f fetched, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return f, err
	}
	f.decimals = h.Contract.Decimals
	if index := group[0].at.block(); index <= h.Index {
		_, f.block, err = s.block(blockKey{h.Number, index})
		f.size = len(f.block)
		return f, err
	}
	for _, p := range group {
		f.texts = append(f.texts, slices.Clone(h.Pending.Record(p.at.position())))
	}
	return f, nil
}

// recordTexts returns the texts of some records of a block, which are sorted,
// in one pass.
func recordTexts(canonical []byte, group []posting) ([][]byte, error) {
	var texts [][]byte
	s := pyjson.NewScanner(canonical)
	err := s.Object(func(key string) error {
		if key != "transactions" {
			return nil
		}
		return s.Array(func(i int) error {
			if i != group[len(texts)].at.position() {
				return nil
			}
			text, err := s.Raw()
			if texts = append(texts, text); err == nil && len(texts) == len(group) {
				return errEnough
			}
			return err
		})
	})
	switch {
	case errors.Is(err, errEnough):
		return texts, nil
	case err == nil:
		err = fmt.Errorf("%w: a record is missing", errCorrupt)
	}
	return nil, err
}
