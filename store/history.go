package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/bpsc/bpsc/chain"
)

// History returns the records that concern an account: those that name it as
// sender, recipient or account, and what is spent or burned from the BPSC's
// wallet when it is that. Fees alone do not make a record part of the BPSC's
// history: it would be the whole chain. Pending records are included; a
// record's place is fixed once it is decided, so pages stay true while the
// chain grows.
func (s *Store) History(token, account string, q chain.HistoryQuery) (chain.HistoryPage, error) {
	w, err := newWalk(&q, account)
	if err != nil {
		return chain.HistoryPage{}, err
	}
	s.using.RLock()
	defer s.using.RUnlock()
	page, err := s.history(token, w)
	if q.Before != "" {
		slices.Reverse(page.Records)
		page.Next, page.Prev = page.Prev, page.Next
	}
	return page, err
}

// history answers a walk, in its direction.
func (s *Store) history(token string, w *walk) (chain.HistoryPage, error) {
	if err := s.beginWalk(token, w); err != nil {
		return chain.HistoryPage{}, err
	}
	for !w.done() {
		if err := s.step(token, w); err != nil {
			return chain.HistoryPage{}, err
		}
	}
	records, n, err := s.readFound(token, w)
	if err != nil {
		return chain.HistoryPage{}, err
	}
	return chain.HistoryPage{Records: records, Next: w.ahead(n), Prev: w.behind}, nil
}

// newWalk checks q and returns its start.
func newWalk(q *chain.HistoryQuery, account string) (*walk, error) {
	w := &walk{account: account, up: q.OldestFirst, lo: firstPlace, hi: lastPlace, budget: historyBudget, bytes: historyBytes}
	w.need = q.Limit + 1 // to know whether there is more
	switch {
	case q.Limit < 0 || q.Limit > MaxHistoryPage:
		return nil, fmt.Errorf("%w: limit: at most %d", chain.InvalidField, MaxHistoryPage)
	case q.After != "" && q.Before != "":
		return nil, fmt.Errorf("%w: one cursor at a time", chain.InvalidField)
	case q.Limit == 0:
		w.need = DefaultHistoryPage + 1
	}
	if err := w.filter(q.Kinds, q.Direction); err != nil {
		return nil, err
	}
	cursor := q.After
	if q.Before != "" {
		cursor, w.up = q.Before, !w.up
	}
	if cursor == "" {
		return w, nil
	}
	at, err := parseCursor(cursor)
	if err != nil {
		return nil, err
	}
	w.pass(at)
	w.from = at
	return w, nil
}

// place is where a record stands: the block and the position in it as one
// number, so that places compare as the records follow one another.
type place uint64

const (
	positionBits       = 16 // chain.MaxBlockRecords fits
	firstPlace   place = 1  // no record stands at either
	lastPlace    place = math.MaxUint64 - 1
)

func placeOf(block uint64, position int) place { return place(block<<positionBits | uint64(position)) }

func (p place) block() uint64 { return uint64(p >> positionBits) }

func (p place) position() int { return int(p & (1<<positionBits - 1)) }

const cursorVersion = 1

func (p place) cursor() string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(p)))
}

func parseCursor(text string) (place, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && len(b) == 9 && b[0] == cursorVersion {
		if p := place(binary.BigEndian.Uint64(b[1:])); p >= firstPlace && p <= lastPlace && p.cursor() == text {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%w: not a cursor of this version", chain.InvalidField)
}
