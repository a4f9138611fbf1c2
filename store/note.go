package store

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// note is what an account was before the record at a place: all that it was made
// of there, and good for ever. Update makes one whenever an account has had some
// more records, of a value that it has at hand; so the past of an account is the
// last note before it and a bounded number of records. What no note tells is read
// from the beginning, some at a time, and noted by who reads.
type note struct {
	at      history.Place
	account chain.Account
}

type accountKey struct {
	contract uint32
	name     string
}

// note appends a note, which is newer than those of the account before.
func (l *layer) note(k accountKey, n note) {
	l.notes[k] = append(l.notes[k], n)
	l.bytes += noteCost + len(k.name)
}

// noteOf finds the newest note that is not behind end.
func (l *layer) noteOf(k accountKey, end history.Place) (n note, ok bool) {
	notes := l.notes[k]
	i := sort.Search(len(notes), func(i int) bool { return notes[i].at > end })
	if i == 0 {
		return n, false
	}
	return notes[i-1], true
}

// earnsFees tells whether an account may change with every record, though records
// do not name it: the BPSC's, where it keeps the fees.
func earnsFees(c *chain.Contract, name string) bool {
	return name == c.BPSC && c.FeePPM > 0 && c.Fees == chain.HoldFees
}

// noteFees notes the account that has the fees as a block leaves it, which has so
// many records, whenever there have been some more blocks or records: what lies
// between two notes is read whole, whether it has to do with fees or not.
func (tx *Tx) noteFees(h *Head, records int) {
	every := tx.s.cfg.NoteEvery
	crossed := h.Index%every == 0 || (h.Records-uint64(records))/every != h.Records/every
	if crossed && earnsFees(&h.Contract, h.Contract.BPSC) {
		tx.s.active.note(accountKey{h.Number, h.Contract.BPSC}, note{h.nextPlace(), tx.Account(h, h.Contract.BPSC)})
	}
}

// A row of a note has a version before what rows of accounts have. The name's
// length in the key keeps those of one name from those of another that begins
// alike.

const noteVersion = 1

func (k accountKey) notes() []byte {
	return append(append(keys.Prefix(keys.NoteTable, k.contract), byte(len(k.name))), k.name...)
}

func (k accountKey) noteRow(n note) (engine.Row, error) {
	value, err := appendAccount([]byte{noteVersion}, n.account)
	return engine.Row{Key: binary.BigEndian.AppendUint64(k.notes(), uint64(n.at)), Value: value}, err
}

func decodeNote(key, value []byte) (n note, err error) {
	if len(key) < 8 || len(value) == 0 {
		return n, fmt.Errorf("%w: note", engine.ErrCorrupt)
	}
	if value[0] != noteVersion {
		return n, fmt.Errorf("%w: note of version %d", errFormat, value[0])
	}
	n.at = history.Place(binary.BigEndian.Uint64(key[len(key)-8:]))
	n.account, err = decodeAccount(value[1:])
	return n, err
}

func (l *layer) appendNotes(rows []engine.Row) ([]engine.Row, error) {
	for k, notes := range l.notes {
		for _, n := range notes {
			r, err := k.noteRow(n)
			if err != nil {
				return nil, err
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func noteOnDisk(r pebble.Reader, k accountKey, end history.Place) (n note, err error) {
	prefix := k.notes()
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: binary.BigEndian.AppendUint64(k.notes(), uint64(end)+1)})
	if err != nil {
		return n, err
	}
	if it.Last() {
		var value []byte
		if value, err = it.ValueAndErr(); err == nil {
			n, err = decodeNote(it.Key(), value)
		}
	} else {
		err = it.Error()
	}
	if closed := it.Close(); err == nil {
		err = closed
	}
	return n, err
}

// Noted is what an account was before a record, and where that stands, or would.
type Noted struct {
	Account  chain.Account
	Block    uint64 // 0: nothing was noted
	Position int
}

// Note returns the newest note of an account up to the end of a block.
func (s *Store) Note(token, name string, block uint64) (Noted, error) {
	end := history.PlaceOf(block+1, 0)
	n, err := lookup(s, token, func(h *Head) (note, bool) {
		k := accountKey{h.Number, name}
		n, ok := s.active.noteOf(k, end)
		if !ok && s.frozen != nil {
			n, ok = s.frozen.noteOf(k, end)
		}
		return n, ok
	}, func(r pebble.Reader, contract uint32) (note, error) {
		return noteOnDisk(r, accountKey{contract, name}, end)
	})
	return Noted{n.account, n.at.Block(), n.at.Position()}, err
}

// SetNote keeps a note of somebody who has read the records up to it. Where the
// layers still have some of them it keeps nothing: a crash might take them back.
func (s *Store) SetNote(token, name string, n Noted) error {
	last := n.Block
	if n.Position == 0 {
		last--
	}
	return s.keep(token, last, func(contract uint32) (engine.Row, error) {
		return accountKey{contract, name}.noteRow(note{history.PlaceOf(n.Block, n.Position), n.Account})
	})
}

// keep writes a row that a reader has made of blocks up to one, all of which are in
// Pebble. It is lost in a crash, perhaps, and then made again.
func (s *Store) keep(token string, block uint64, of func(contract uint32) (engine.Row, error)) error {
	s.using.RLock()
	defer s.using.RUnlock()
	s.mu.RLock()
	h, err := s.head(token)
	if err != nil || s.cfg.ReadOnly || block > s.flushedTo(h) {
		s.mu.RUnlock()
		return err
	}
	db, contract := s.db, h.Number
	s.mu.RUnlock()
	r, err := of(contract)
	if err != nil {
		return err
	}
	return db.Set(r.Key, r.Value, pebble.NoSync)
}
