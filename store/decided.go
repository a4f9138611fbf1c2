package store

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
)

// Decided calls yield for every id of a chain that is in a block, was refused or is
// pending, in the order of ids, as often as it stands in an epoch. It is for a store that
// nobody has written to since it was opened.
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
	err = all.open(s.db, h.Number, s.epochOf(h))
	for err == nil {
		at := all.first()
		if at == nil {
			break
		}
		var p Placement
		if p, err = decodePlacement(at.Value()); err == nil {
			err = yield(idOf(at.Key()).id, p)
		}
		if err == nil {
			at.Next()
			err = at.Error()
		}
	}
	return errors.Join(err, all.close())
}

// idStreams are the rows of ids in each epoch, and those without one.
type idStreams []*pebble.Iterator

func (s *idStreams) open(db *pebble.DB, contract uint32, newest epoch) error {
	for e := int64(-1); e <= int64(newest); e++ {
		prefix := tableKey(idTable, contract)
		if e >= 0 {
			prefix = binary.BigEndian.AppendUint32(tableKey(epochIDTable, contract), uint32(e))
		}
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
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

// first is the one that stands at the lowest id; nil at the end of all.
func (s idStreams) first() (lowest *pebble.Iterator) {
	for _, it := range s {
		if it.Valid() && (lowest == nil || bytes.Compare(idBytes(it), idBytes(lowest)) < 0) {
			lowest = it
		}
	}
	return lowest
}

func idBytes(it *pebble.Iterator) []byte {
	key := it.Key()
	return key[len(key)-len(chain.ID{}):]
}

func (s idStreams) close() (err error) {
	for _, it := range s {
		err = errors.Join(err, it.Close())
	}
	return err
}
