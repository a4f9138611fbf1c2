package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/token"
)

// loaded is what Open and Restore read into memory.
type loaded struct {
	meta     meta
	heads    []*Head
	byToken  map[string]*Head
	members  map[string]Member
	policies []*Policy
	tokens   map[token.Hash]*token.Token
	tokenIDs map[string]*token.Token
	audit    []auditlog.Entry
	old      bool // it is of an older format
}

func load(db *pebble.DB) (*loaded, error) {
	l := &loaded{meta: newMeta(), byToken: map[string]*Head{}, members: map[string]Member{}, tokens: map[token.Hash]*token.Token{}, tokenIDs: map[string]*token.Token{}}
	row, err := get(db, []byte(metaKey))
	if row == nil || err != nil {
		return l, err // empty, or not readable
	}
	if l.meta, err = decodeMeta(row); err != nil {
		return l, err
	}
	l.upgrade()
	for _, rows := range []func(*pebble.DB) error{l.loadMembers, l.loadPolicies, l.loadTokens, l.loadAudit} {
		if err := rows(db); err != nil {
			return l, err
		}
	}
	return l, scan(db, []byte{headTable}, func(key, row []byte) error {
		number := uint32(len(l.heads))
		if len(key) != 1+4 || contractOf(key) != number {
			return fmt.Errorf("%w: contract %d is missing", errCorrupt, number)
		}
		pending, err := get(db, tableKey(pendingTable, number))
		if err != nil {
			return err
		}
		genesis, err := readBlock(db, blockKey{number, 1})
		if err != nil {
			return err
		}
		h, err := loadHead(number, row, pending, genesis)
		if err != nil {
			return err
		}
		if err := h.loadHolds(db); err != nil {
			return err
		}
		if err := h.loadTree(db); err != nil {
			return err
		}
		l.heads = append(l.heads, h)
		l.byToken[h.Contract.Token] = h
		return nil
	})
}

// upgrade takes what an older format says as this one does.
func (l *loaded) upgrade() {
	if l.old = l.meta.Format < format; !l.old {
		return
	}
	maps.Copy(l.members, l.meta.Members)
	l.meta.Format, l.meta.Members = format, nil
}

// caught turns a panic of Pebble into an error: that is what it does where a file of values
// is not there when it opens its database (cockroachdb/pebble#5127). Of one that is damaged
// watchedFS tells it in a way that it bears.
func caught(read func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			if _, system := durable.Advice(p); system {
				err = fmt.Errorf("pebble: %w", p)
				return
			}
			err = fmt.Errorf("%w: %w: %w", errCorrupt, errPanicked, p)
		default:
			err = fmt.Errorf("%w: %w: %v", errCorrupt, errPanicked, p)
		}
	}()
	return read()
}

// errPanicked begins the text of what Pebble has panicked with.
var errPanicked = errors.New("pebble")

// errEnough ends a scan early.
var errEnough = errors.New("enough")

// check reads back every tip and then rows in order, up to startCheckBytes, and returns
// how many it read: Pebble checks its own sums on the way, and blocks have theirs.
func (l *loaded) check(db *pebble.DB) (read int, err error) {
	for _, h := range l.heads {
		tip, err := readBlock(db, blockKey{h.Number, h.Index})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", h.Contract.Token, err)
		}
		if tip.Hash != h.Hash {
			return 0, fmt.Errorf("%w: %s: the newest block has another hash than its head says", errCorrupt, h.Contract.Token)
		}
	}
	_, read, err = checkRows(db, nil, startCheckBytes)
	return read, err
}

// checkRows reads rows from a key on, about budget bytes of them and whole blocks
// among them, and returns where to go on, nil at the end, and how much it read.
func checkRows(r pebble.Reader, from []byte, budget int) (next []byte, read int, err error) {
	blocks := assembler{sums: true}
	err = scanRange(r, from, nil, func(key, value []byte) error {
		read += len(key) + len(value)
		if key[0] == blockTable || blocks.open() {
			if _, err := blocks.add(key, value); err != nil {
				return err
			}
		}
		if read < budget || blocks.open() {
			return nil
		}
		next = append(bytes.Clone(key), 0)
		return errEnough
	})
	switch {
	case errors.Is(err, errEnough):
		return next, read, nil
	case err == nil && blocks.open():
		err = blocks.broken()
	}
	return nil, read, err
}

// get reads one row; nil when there is none.
func get(r pebble.Reader, key []byte) ([]byte, error) {
	row, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row = append(make([]byte, 0, len(row)), row...)
	return row, closer.Close()
}

// scan calls row for every row whose key has the prefix, in order. Key and
// value are valid during the call only.
func scan(r pebble.Reader, prefix []byte, row func(key, value []byte) error) error {
	return scanRange(r, prefix, after(prefix), row)
}

// scanRange does the same for the keys from lower on and before upper; nil is no
// bound.
func scanRange(r pebble.Reader, lower, upper []byte, row func(key, value []byte) error) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }() // also where Pebble panics
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = row(it.Key(), value)
		}
		if err != nil {
			return err
		}
	}
	return it.Error()
}

// after is the first key behind all that have the prefix; nil for no prefix.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			next := append([]byte(nil), prefix[:i+1]...)
			next[i]++
			return next
		}
	}
	return nil
}
