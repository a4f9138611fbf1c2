package store

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
)

// freeze ends the active layer and starts its way into Pebble. The caller
// holds mu; there is no frozen layer, or freeze waits for it.
func (s *Store) freeze() error {
	for s.failed == nil && s.frozen != nil {
		s.settled.Wait()
	}
	if s.failed != nil {
		return s.failed
	}
	l := s.active
	for _, h := range s.heads {
		if !h.dirty {
			continue
		}
		if err := h.save(l); err != nil {
			return s.fail(err)
		}
	}
	row, err := s.meta.encode()
	if err != nil {
		return s.fail(err)
	}
	l.rows[metaKey] = row
	s.frozen, s.active = l, newLayer(l)
	go s.flush(s.db, l)
	return nil
}

// flush writes a frozen layer as one atomic, sorted batch. It runs beside
// Update, one at a time; l does not change any more.
func (s *Store) flush(db *pebble.DB, l *layer) {
	err := write(db, l)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		_ = s.fail(err)
	}
	s.frozen, s.recent = nil, l.accounts
	close(l.flushed)
	s.settled.Broadcast()
}

// row is one change; without a value it is a deletion.
type row struct{ key, value []byte }

// appendIDs appends the rows of the layer's ids. They are many and small, so
// they share one piece of memory.
func (l *layer) appendIDs(rows []row) []row {
	arena := make([]byte, 0, len(l.ids)*(idKeyBytes+2*binary.MaxVarintLen32))
	for k, at := range l.ids {
		start := len(arena)
		arena = append(binary.BigEndian.AppendUint32(append(arena, idTable), k.contract), k.id[:]...)
		split := len(arena)
		arena = binary.AppendUvarint(binary.AppendUvarint(arena, at.block), uint64(at.position))
		rows = append(rows, row{arena[start:split:split], arena[split:len(arena):len(arena)]})
	}
	for k, p := range l.refused {
		rows = append(rows, row{k.bytes(), encodePlacement(p)})
	}
	return rows
}

// idKeyBytes is the length of an id's key.
const idKeyBytes = 1 + 4 + len(chain.ID{})

func write(db *pebble.DB, l *layer) error {
	rows := make([]row, 0, len(l.rows)+len(l.accounts)+len(l.ids)+len(l.refused)+len(l.blocks)+2*len(l.holds))
	for k, v := range l.rows {
		rows = append(rows, row{[]byte(k), v})
	}
	for k, v := range l.accounts {
		encoded, err := encodeAccount(v)
		if err != nil {
			return err
		}
		rows = append(rows, row{k.bytes(), encoded})
	}
	rows = l.appendIDs(rows)
	for k, v := range l.blocks {
		rows = append(rows, row{k.bytes(), v})
	}
	for k, v := range l.holds {
		encoded, err := encodeHold(v)
		if err != nil {
			return err
		}
		if v.Ended == "" {
			rows = append(rows, row{k.inTable(openHoldTable), encoded})
			continue
		}
		rows = append(rows, row{k.inTable(openHoldTable), nil}, row{k.inTable(endedHoldTable), encoded})
	}
	for from, blocks := l.unindexed(); len(blocks) > 0; from, blocks = l.unindexed() {
		l.index.extend(from, blocks)
	}
	rows = l.index.appendRows(rows)
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.key, b.key) })
	batch := db.NewBatchWithSize(l.bytes + l.bytes/8)
	for _, r := range rows {
		var err error
		if r.value == nil {
			err = batch.Delete(r.key, nil)
		} else {
			err = batch.Set(r.key, r.value, nil)
		}
		if err != nil {
			return err
		}
	}
	return batch.Commit(pebble.NoSync)
}
