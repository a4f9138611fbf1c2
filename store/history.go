package store

import (
	"cmp"
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
	case q.Limit < 0 || q.Limit > maxHistoryPage:
		return nil, fmt.Errorf("%w: limit: at most %d", chain.InvalidField, maxHistoryPage)
	case q.After != "" && q.Before != "":
		return nil, fmt.Errorf("%w: one cursor at a time", chain.InvalidField)
	case q.Limit == 0:
		w.need = defaultHistoryPage + 1
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

// walk goes through an account's postings in one direction, some at a time.
type walk struct {
	account  string
	hash     accountHash // this and the next two are set once the contract is known
	pending  place       // the first that no block held then
	decimals int
	kinds    uint16 // one bit for each kind that is wanted
	roles    tags   // one of these is wanted
	up       bool   // towards newer records
	lo, hi   place  // what has not been looked at
	need     int    // how many to find
	budget   int    // how many more to look at
	bytes    int    // how much more of blocks to read
	found    []posting
	from     place  // where the cursor is; 0: none was given
	behind   string // cursor that leads back over where the walk began
}

// filter sets what is wanted.
func (w *walk) filter(kinds []chain.Kind, d chain.Direction) error {
	w.kinds = 1<<chain.RecordKinds - 1
	if len(kinds) > 0 {
		w.kinds = 0
	}
	for _, k := range kinds {
		n := k.RecordNumber()
		if n == 0 {
			return fmt.Errorf("%w: kind: no record is of kind %q", chain.InvalidField, k)
		}
		w.kinds |= 1 << n
	}
	roles, ok := map[chain.Direction]tags{chain.AnyDirection: anyRole, chain.In: tags(chain.RoleRecipient), chain.Out: tags(chain.RoleSender)}[d]
	if !ok {
		return fmt.Errorf("%w: direction: in or out", chain.InvalidField)
	}
	w.roles = roles
	return nil
}

// begin sets the end of the walk: the place of the record that comes next. A
// cursor beyond it is none that this chain has come to: a walk from there would
// find nothing, for ever perhaps.
func (w *walk) begin(end place) error {
	if w.from > end {
		return fmt.Errorf("%w: the newest record stands before the cursor, record %d of block %d", chain.ErrBeyond, w.from.position(), w.from.block())
	}
	if w.from != 0 {
		// Back from the first place looked at, what the cursor names comes first.
		w.behind = min(max(w.next(), firstPlace), end).cursor()
	}
	w.hi = min(w.hi, end-1)
	return nil
}

func (w *walk) done() bool { return w.lo > w.hi || w.full() }

func (w *walk) full() bool { return len(w.found) == w.need || w.budget <= 0 }

// next is the first place that has not been looked at, looked the last that
// has.
func (w *walk) next() place {
	if w.up {
		return w.lo
	}
	return w.hi
}

func (w *walk) looked() place {
	if w.up {
		return w.lo - 1
	}
	return w.hi + 1
}

// ahead is the cursor that goes on behind the first n that were found, "" when
// nothing comes there.
func (w *walk) ahead(n int) string {
	switch {
	case n < len(w.found): // the rest comes with the next call
		return w.found[n-1].at.cursor()
	case w.lo <= w.hi:
		return w.looked().cursor()
	}
	return ""
}

// pass leaves a place behind.
func (w *walk) pass(at place) {
	if w.up {
		w.lo = at + 1
	} else {
		w.hi = at - 1
	}
}

// passAll leaves behind what lies from lo to hi.
func (w *walk) passAll(lo, hi place) {
	if w.up {
		w.pass(hi)
	} else {
		w.pass(lo)
	}
}

// wants tells whether a record with these tags is among what was asked for.
func (w *walk) wants(t tags) bool {
	return t&w.roles != 0 && w.kinds&(1<<(t>>roleBits)) != 0
}

// look weighs one posting.
func (w *walk) look(p posting) {
	w.budget--
	w.pass(p.at)
	if p.hash == w.hash && w.wants(p.tags) {
		w.found = append(w.found, p)
	}
}

// take weighs those of the postings, which are sorted, that lie from lo to hi,
// in the walk's direction.
func (w *walk) take(list []posting, lo, hi place) {
	compare := func(p posting, at place) int { return cmp.Compare(p.at, at) }
	first, _ := slices.BinarySearchFunc(list, lo, compare)
	end, _ := slices.BinarySearchFunc(list, hi+1, compare)
	for list = list[first:max(first, end)]; len(list) > 0 && !w.full(); {
		if w.up {
			w.look(list[0])
			list = list[1:]
		} else {
			w.look(list[len(list)-1])
			list = list[:len(list)-1]
		}
	}
}

// readFound reads what was found, in its order, and returns how much of it was
// read. It reads the first record whatever that costs, and stops where that
// and the others come to w.bytes.
func (s *Store) readFound(token string, w *walk) (out []chain.HistoryRecord, n int, err error) {
	wanted := w.found[:min(len(w.found), w.need-1)]
	at := make([]Placement, len(wanted))
	for i, p := range wanted {
		at[i] = Placement{Block: p.at.block(), Position: p.at.position()}
	}
	for n < len(wanted) && w.bytes > 0 {
		texts, size, err := s.records(token, at[n:], w.bytes)
		if err != nil {
			return nil, 0, err
		}
		if out, err = w.appendRecords(out, wanted[n:], texts); err != nil {
			return nil, 0, err
		}
		n += len(texts)
		w.bytes -= size
	}
	return out, n, nil
}

// appendRecords appends those of the records that are the account's.
func (w *walk) appendRecords(out []chain.HistoryRecord, found []posting, texts [][]byte) ([]chain.HistoryRecord, error) {
	for i, text := range texts {
		at := found[i].at
		record, err := chain.DecodeRecord(text, w.decimals)
		if err != nil {
			return nil, err
		}
		if w.wants(tagsOf(record.Kind.RecordNumber(), record.RoleOf(w.account))) {
			out = append(out, chain.HistoryRecord{Record: record, Block: at.block(), Position: at.position(), Pending: at >= w.pending, Cursor: at.cursor()})
		}
	}
	return out, nil
}
