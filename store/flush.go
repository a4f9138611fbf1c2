package store

import (
	"encoding/json"
	"time"

	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// freeze ends the active layer and starts its way into Pebble. The caller
// holds mu; there is no frozen layer, or freeze waits for it.
func (s *Store) freeze() error {
	if err := s.idle(); err != nil {
		return err
	}
	l := s.active
	l.epochs = s.epochs()
	s.division.Divide(longChains(s.heads, s.cfg.EpochRecords))
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
	s.ids.Grow(l.decided())
	go s.flush(s.db, l)
	return nil
}

// longChains are those that are longer than an epoch, the first dividedChains of them.
func longChains(heads []*Head, epoch uint64) (long []uint32) {
	for _, h := range heads {
		if h.Records > epoch && len(long) < dividedChains {
			long = append(long, h.Number)
		}
	}
	return long
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
func (s *Store) flush(db *engine.DB, l *layer) {
	began := time.Now()
	err := s.write(db, l)
	s.cfg.Logger.Debug("a layer was flushed", "took", time.Since(began))
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
	if n := l.accounts.Len(); n > recentAdded || s.recent == nil || s.recent.Len()+n > recentAccounts {
		s.recent = l.accounts
		return
	}
	s.recent.Add(l.accounts)
}

// appendRefused appends the rows of ids that were refused.
func (l *layer) appendRefused(rows []engine.Row) []engine.Row {
	for k, p := range l.refused {
		rows = append(rows, engine.Row{Key: k.Append(nil, l.epochs), Value: encodePlacement(p)})
	}
	return rows
}

func (s *Store) write(db *engine.DB, l *layer) error {
	rows := make([]engine.Row, 0, len(l.rows)+l.accounts.Len()+len(l.ids.List())+len(l.refused)+len(l.blocks)+len(l.hashes)+2*len(l.holds))
	for k, v := range l.rows {
		rows = append(rows, engine.Row{Key: []byte(k), Value: v})
	}
	rows, err := appendAccounts(rows, l.accounts)
	if err != nil {
		return err
	}
	rows = l.appendRefused(appendIDs(rows, &l.ids, l.epochs))
	for k, b := range l.blocks {
		rows = b.AppendRows(rows, k, l.epochs != nil)
	}
	for k, hash := range l.hashes {
		rows = append(rows, engine.Row{Key: keys.Block{Contract: k.contract, Index: k.index}.In(byte(k.table)), Value: hash[:]})
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
			rows = append(rows, engine.Row{Key: k.In(keys.OpenHoldTable), Value: encoded})
			continue
		}
		rows = append(rows, engine.Row{Key: k.In(keys.OpenHoldTable)}, engine.Row{Key: k.In(keys.EndedHoldTable), Value: encoded})
	}
	l.index.Expect(2 * len(l.ids.List()))
	for from, more := l.unindexed(); len(more) > 0; from, more = l.unindexed() {
		l.index.Extend(from, more)
	}
	rows = l.index.AppendRows(rows, l.epochs)
	return db.Write(rows, l.bytes+l.bytes/8)
}

// orderedTables are those whose new rows come behind all others of their chain.
var orderedTables = [...]byte{keys.BlockTable, keys.DigestTable, keys.NodeTable}

// sink begins to take down what flushes have left of them, where the one before is not still
// about it. The caller holds mu.
func (s *Store) sink() {
	if s.sinking != nil {
		select {
		case <-s.sinking.Done():
		default:
			return
		}
	}
	s.sinking = s.db.Sink(orderedTables[:])
}

// closeSinking ends it and waits for that. The caller holds mu.
func (s *Store) closeSinking() {
	if s.sinking != nil {
		s.sinking.Stop()
		s.sinking = nil
	}
}
