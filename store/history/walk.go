package history

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
)

// Walk goes through an account's postings in one direction, some at a time: through rows, then
// the blocks that no row tells of yet, then pending records. Where one begins is the caller's to
// say, anew at each step, because the chain goes on in between.
type Walk struct {
	// Budget is how many more postings to look at, and Bytes how much more of blocks to read.
	Budget, Bytes int

	account  string
	contract uint32      // this and the next three are set once the contract is known
	hash     accountHash // of account
	pending  Place       // the first that no block held then
	decimals int
	kinds    uint16 // one bit for each kind that is wanted
	roles    tags   // one of these is wanted
	up       bool   // towards newer records
	lo, hi   Place  // what has not been looked at
	need     int    // how many to find
	found    []posting
	from     Place  // where the cursor is; 0: none was given
	behind   string // cursor that leads back over where the walk began
}

// New checks q and returns its start.
func New(q *chain.HistoryQuery, account string) (*Walk, error) {
	w := &Walk{account: account, up: q.OldestFirst, lo: firstPlace, hi: lastPlace, Budget: postingsBudget, Bytes: blocksBudget}
	w.need = q.Limit + 1 // to know whether there is more
	switch {
	case q.Limit < 0 || q.Limit > MaxPage:
		return nil, fmt.Errorf("%w: limit: at most %d", chain.InvalidField, MaxPage)
	case q.After != "" && q.Before != "":
		return nil, fmt.Errorf("%w: one cursor at a time", chain.InvalidField)
	case q.Limit == 0:
		w.need = defaultPage + 1
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
	at, err := ParseCursor(cursor)
	if err != nil {
		return nil, err
	}
	w.pass(at)
	w.from = at
	return w, nil
}

// Between is a walk through what concerns an account, the oldest first, from a place on and
// before an end.
func Between(account string, from, end Place) *Walk {
	return &Walk{account: account, up: true, lo: from, hi: end - 1, Budget: postingsBudget, Bytes: blocksBudget,
		need: MaxPage + 1, kinds: 1<<chain.RecordKinds - 1, roles: anyRole}
}

// filter sets what is wanted.
func (w *Walk) filter(kinds []chain.Kind, d chain.Direction) error {
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

// Begin sets whose account it is, and the end of the walk: the place of the record that comes
// next. Of the places before, those from pending on were in no block. A cursor beyond the end is
// none that this chain has come to: a walk from there would find nothing, for ever perhaps.
func (w *Walk) Begin(c *chain.Contract, contract uint32, pending, end Place) error {
	w.contract, w.decimals, w.pending = contract, c.Decimals, pending
	w.hash = hashAccount(contract, []byte(w.account))
	if w.from > end {
		return fmt.Errorf("%w: the newest record stands before the cursor, record %d of block %d", chain.ErrBeyond, w.from.Position(), w.from.Block())
	}
	if w.from != 0 {
		// Back from the first place looked at, what the cursor names comes first.
		w.behind = min(max(w.Next(), firstPlace), end).Cursor()
	}
	w.hi = min(w.hi, end-1)
	return nil
}

// Done tells whether there is nothing more to look at, or enough has been.
func (w *Walk) Done() bool { return w.lo > w.hi || w.full() }

func (w *Walk) full() bool { return len(w.found) == w.need || w.Budget <= 0 }

// Next is the first place that has not been looked at, in the walk's direction.
func (w *Walk) Next() Place {
	if w.up {
		return w.lo
	}
	return w.hi
}

// looked is the last that has.
func (w *Walk) looked() Place {
	if w.up {
		return w.lo - 1
	}
	return w.hi + 1
}

// ahead is the cursor that goes on behind the first n that were found, "" when
// nothing comes there.
func (w *Walk) ahead(n int) string {
	switch {
	case n < len(w.found): // the rest comes with the next call
		return w.found[n-1].at.Cursor()
	case w.lo <= w.hi:
		return w.looked().Cursor()
	}
	return ""
}

// pass leaves a place behind.
func (w *Walk) pass(at Place) {
	if w.up {
		w.lo = at + 1
	} else {
		w.hi = at - 1
	}
}

// passAll leaves behind what lies from lo to hi.
func (w *Walk) passAll(lo, hi Place) {
	if w.up {
		w.pass(hi)
	} else {
		w.pass(lo)
	}
}

// wants tells whether a record with these tags is among what was asked for.
func (w *Walk) wants(t tags) bool {
	return t&w.roles != 0 && w.kinds&(1<<(t>>roleBits)) != 0
}

// look weighs one posting.
func (w *Walk) look(p posting) {
	w.Budget--
	w.pass(p.at)
	if p.hash == w.hash && w.wants(p.tags) {
		w.found = append(w.found, p)
	}
}

// take weighs those of the postings, which are sorted, that lie from lo to hi,
// in the walk's direction.
func (w *Walk) take(list []posting, lo, hi Place) {
	compare := func(p posting, at Place) int { return cmp.Compare(p.at, at) }
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

// Page reads what was found, in the walk's order, and says where to go on. records returns the
// texts of some of the records at places, at least of the first, until it has read about budget
// bytes, and how many it has read. Page reads the first record whatever that costs, and stops
// where that and the others come to w.Bytes.
func (w *Walk) Page(records func(at []Place, budget int) (texts [][]byte, size int, err error)) (page chain.HistoryPage, err error) {
	wanted := w.found[:min(len(w.found), w.need-1)]
	at := make([]Place, len(wanted))
	for i, p := range wanted {
		at[i] = p.at
	}
	n := 0
	for n < len(wanted) && w.Bytes > 0 {
		texts, size, err := records(at[n:], w.Bytes)
		if err != nil {
			return chain.HistoryPage{}, err
		}
		if page.Records, err = w.appendRecords(page.Records, wanted[n:], texts); err != nil {
			return chain.HistoryPage{}, err
		}
		n += len(texts)
		w.Bytes -= size
	}
	page.Next, page.Prev = w.ahead(n), w.behind
	return page, nil
}

// appendRecords appends those of the records that are the account's.
func (w *Walk) appendRecords(out []chain.HistoryRecord, found []posting, texts [][]byte) ([]chain.HistoryRecord, error) {
	for i, text := range texts {
		at := found[i].at
		record, err := chain.DecodeRecord(text, w.decimals)
		if err != nil {
			return nil, err
		}
		if w.wants(tagsOf(record.Kind.RecordNumber(), record.RoleOf(w.account))) {
			out = append(out, chain.HistoryRecord{Record: record, Block: at.Block(), Position: at.Position(), Pending: at >= w.pending, Cursor: at.Cursor()})
		}
	}
	return out, nil
}
