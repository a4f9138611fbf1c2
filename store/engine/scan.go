package engine

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/internal/durable"
)

// Get reads one row; nil when there is none.
func Get(r pebble.Reader, key []byte) ([]byte, error) {
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

// Scan calls row for every row whose key has the prefix, in order. Key and
// value are valid during the call only.
func Scan(r pebble.Reader, prefix []byte, row func(key, value []byte) error) error {
	return ScanRange(r, prefix, After(prefix), row)
}

// ScanRange does the same for the keys from lower on and before upper; nil is no
// bound.
func ScanRange(r pebble.Reader, lower, upper []byte, row func(key, value []byte) error) (err error) {
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

// After is the first key behind all that have the prefix; nil for no prefix.
func After(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			next := append([]byte(nil), prefix[:i+1]...)
			next[i]++
			return next
		}
	}
	return nil
}

// Caught turns a panic of Pebble into an error: that is what it does where a file of values
// is not there when it opens its database (cockroachdb/pebble#5127). Of one that is damaged
// watchedFS tells it in a way that it bears.
func Caught(read func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			if _, system := durable.Advice(p); system {
				err = fmt.Errorf("pebble: %w", p)
				return
			}
			err = fmt.Errorf("%w: %w: %w", ErrCorrupt, ErrPanicked, p)
		default:
			err = fmt.Errorf("%w: %w: %v", ErrCorrupt, ErrPanicked, p)
		}
	}()
	return read()
}

// ErrPanicked begins the text of what Pebble has panicked with.
var ErrPanicked = errors.New("pebble")
