package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// Decided calls yield for every id of a chain that is in a block, was refused or is
// pending, in the order of ids. One that is misplaced is ErrMisplaced. It is for a store
// that nobody has written to since it was opened.
func (s *Store) Decided(token string, yield func(id chain.ID, p Placement) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return err
	}
	if s.active.bytes > 0 || len(s.active.rows) > 0 || s.frozen != nil {
		return errInUse
	}
	var all idStreams
	var before *chain.ID
	if err := nothingBeside(s.db, h.Number, s.epochOf(h)); err != nil {
		return err
	}
	err = all.open(s.db, h.Number, s.epochOf(h))
	for err == nil {
		at, id, wrong := all.first()
		if at == nil || wrong != nil {
			err = wrong
			break
		}
		if before != nil && *before == id {
			err = fmt.Errorf("%w: id %s stands in two epochs", ErrMisplaced, id)
			break
		}
		before = &id
		var p Placement
		if p, err = decodePlacement(at.Value()); err == nil {
			err = yield(id, p)
		}
		if err == nil {
			at.Next()
			err = at.Error()
		}
	}
	return errors.Join(err, all.close())
}

// ErrMisplaced: something stands where no member has put it, and where it may be found
// later, or instead of what counts.
var ErrMisplaced = errors.New("a row is misplaced")

// contractTables are those whose rows are of a contract, but for heads.
var contractTables = [...]byte{keys.AccountTable, keys.BlockTable, keys.IDTable, keys.PendingTable, keys.OpenHoldTable, keys.EndedHoldTable, keys.HistoryTable,
	keys.NodeTable, keys.DigestTable, keys.NoteTable, keys.EpochIDTable, keys.EpochHistoryTable}

// OfNoChain fails with ErrMisplaced where there are rows of a contract that is still to be
// created, which would have accounts and ids from its first block on. It is for a store
// that nobody has written to since it was opened.
func (s *Store) OfNoChain() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, table := range contractTables {
		stray := func(key, _ []byte) error {
			return fmt.Errorf("%w: table %q has the row %x, of none of the %d contracts", ErrMisplaced, table, key[1:], len(s.heads))
		}
		if err := engine.ScanRange(s.db, []byte{table}, keys.Prefix(table, 0), stray); err != nil {
			return err
		}
		if err := engine.ScanRange(s.db, keys.Prefix(table, uint32(len(s.heads))), []byte{table + 1}, stray); err != nil {
			return err
		}
	}
	return nil
}

// nothingBeside makes sure that no id stands where idStreams does not look: in an epoch that
// is still to come, or in none though its table has them.
func nothingBeside(db *engine.DB, contract uint32, newest keys.Epoch) error {
	table := keys.Prefix(keys.EpochIDTable, contract)
	in := func(e keys.Epoch) []byte { return keys.InEpoch(keys.EpochIDTable, contract, e) }
	stray := func(key, _ []byte) error {
		return fmt.Errorf("%w: id %x stands in an epoch that there is not", ErrMisplaced, key[min(len(key), 1+4+4):])
	}
	if err := engine.ScanRange(db, table, in(0), stray); err != nil {
		return err
	}
	return engine.ScanRange(db, engine.After(in(newest)), engine.After(table), stray)
}

// idStreams are the rows of ids in each epoch, and those without one.
type idStreams []*pebble.Iterator

func (s *idStreams) open(db *engine.DB, contract uint32, newest keys.Epoch) error {
	for e := int64(-1); e <= int64(newest); e++ {
		prefix := keys.Prefix(keys.IDTable, contract)
		if e >= 0 {
			prefix = keys.InEpoch(keys.EpochIDTable, contract, keys.Epoch(e))
		}
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: engine.After(prefix)})
		if err != nil {
			return err
		}
		*s = append(*s, it)
		if it.First(); it.Error() != nil {
			return it.Error()
		}
	}
	return nil
}

// first is the one that stands at the lowest id, and that id; nil at the end of all.
func (s idStreams) first() (lowest *pebble.Iterator, id chain.ID, err error) {
	for _, it := range s {
		if !it.Valid() {
			continue
		}
		k, err := idOf(it.Key())
		if err != nil {
			return nil, id, err
		}
		if lowest == nil || bytes.Compare(k.ID[:], id[:]) < 0 {
			lowest, id = it, k.ID
		}
	}
	return lowest, id, nil
}

func (s idStreams) close() (err error) {
	for _, it := range s {
		err = errors.Join(err, it.Close())
	}
	return err
}
