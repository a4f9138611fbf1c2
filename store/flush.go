package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// freeze ends the active layer and starts its way into Pebble. The caller
// holds mu; there is no frozen layer, or freeze waits for it.
func (s *Store) freeze() error {
	if err := s.idle(); err != nil {
		return err
	}
	l := s.active
	l.epochs = s.epochs()
	s.files.divide(s.heads, s.cfg.EpochRecords)
	for _, h := range s.heads {
		if err := h.save(l); err != nil {
			return s.fail(err)
		}
	}
	row, err := s.meta.encode()
	if err != nil {
		return s.fail(err)
	}
	l.rows[metaKey] = row
	l.applied = s.meta.Applied
	s.frozen, s.active = l, newLayer(l)
	s.growFilter()
	go s.flush(s.db, l)
	return nil
}

// idle waits until no layer is on its way into Pebble. The caller holds mu.
func (s *Store) idle() error {
	for s.failed == nil && s.frozen != nil {
		s.settled.Wait()
	}
	return s.failed
}

// flush writes a frozen layer as one atomic, sorted batch, and then lets go of it.
// One runs at a time, since s.frozen is its layer until it ends, and whoever closes
// db waits for that. Update and readers run beside it: nobody changes l any more, but
// for its index, which has a lock of its own.
func (s *Store) flush(db *pebble.DB, l *layer) {
	began := time.Now()
	err := s.write(db, l)
	ended(s.cfg.Logger, "a layer was flushed", time.Since(began))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		_ = s.fail(err)
	case s.cfg.Log:
		s.durable = l.applied
	}
	s.frozen = nil
	s.remember(l)
	if s.flushes++; err == nil && s.flushes%flushesToSink == 0 {
		s.sink()
	}
	close(l.flushed)
	s.settled.Broadcast()
}

// remember keeps the accounts of a layer that Pebble holds from now on, in
// place of those before it; but those of a small layer, as Sync makes them, are
// added.
func (s *Store) remember(l *layer) {
	if n := len(l.accounts.list); n > recentAdded || s.recent == nil || len(s.recent.list)+n > recentAccounts {
		s.recent = l.accounts
		return
	}
	s.recent.add(l.accounts)
}

// row is one change; without a value it is a deletion. more is the rest of a
// value that is in two places in memory.
type row struct{ key, value, more []byte }

func (r *row) write(batch *pebble.Batch) error {
	switch {
	case r.value == nil:
		return batch.Delete(r.key, nil)
	case r.more == nil:
		return batch.Set(r.key, r.value, nil)
	}
	op := batch.SetDeferred(len(r.key), len(r.value)+len(r.more))
	copy(op.Key, r.key)
	copy(op.Value[copy(op.Value, r.value):], r.more)
	return op.Finish()
}

// sorted returns the places of rows in the order of their keys. Nearly all
// keys differ in their first 16 bytes, which are compared without a look at the
// memory that they are in.
func sorted(rows []row) []rowPlace {
	places := make([]rowPlace, len(rows))
	for i := range rows {
		var head [16]byte
		copy(head[:], rows[i].key)
		places[i] = rowPlace{binary.BigEndian.Uint64(head[:8]), binary.BigEndian.Uint64(head[8:]), i}
	}
	slices.SortFunc(places, func(a, b rowPlace) int {
		switch {
		case a.first != b.first:
			return cmp.Compare(a.first, b.first)
		case a.second != b.second:
			return cmp.Compare(a.second, b.second)
		}
		return bytes.Compare(rows[a.row].key, rows[b.row].key)
	})
	return places
}

// rowPlace is a row by its number, with the first 16 bytes of its key.
type rowPlace struct {
	first, second uint64
	row           int
}

// appendRefused appends the rows of ids that were refused.
func (l *layer) appendRefused(rows []row) []row {
	for k, p := range l.refused {
		rows = append(rows, row{key: k.appendKey(nil, l.epochs), value: encodePlacement(p)})
	}
	return rows
}

func (s *Store) write(db *pebble.DB, l *layer) error {
	rows := make([]row, 0, len(l.rows)+len(l.accounts.list)+len(l.ids.list)+len(l.refused)+len(l.blocks)+len(l.hashes)+2*len(l.holds))
	for k, v := range l.rows {
		rows = append(rows, row{key: []byte(k), value: v})
	}
	rows, err := l.accounts.appendRows(rows)
	if err != nil {
		return err
	}
	rows = l.appendRefused(l.ids.appendRows(rows, l.epochs))
	for k, b := range l.blocks {
		rows = b.appendPieces(rows, k, l.epochs != nil)
	}
	for k, hash := range l.hashes {
		rows = append(rows, row{key: blockKey{k.contract, k.index}.inTable(byte(k.table)), value: hash[:]})
	}
	if rows, err = l.appendNotes(rows); err != nil {
		return err
	}
	for k, v := range l.holds {
		encoded, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if v.Ended == "" {
			rows = append(rows, row{key: k.inTable(openHoldTable), value: encoded})
			continue
		}
		rows = append(rows, row{key: k.inTable(openHoldTable)}, row{key: k.inTable(endedHoldTable), value: encoded})
	}
	l.index.expect(2 * len(l.ids.list))
	for from, blocks := l.unindexed(); len(blocks) > 0; from, blocks = l.unindexed() {
		l.index.extend(from, blocks)
	}
	rows = l.index.appendRows(rows, l.epochs)
	batch := db.NewBatchWithSize(l.bytes + l.bytes/8)
	for _, place := range sorted(rows) {
		if err := rows[place.row].write(batch); err != nil {
			return err
		}
	}
	return batch.Commit(&pebble.WriteOptions{Sync: s.cfg.Log})
}
