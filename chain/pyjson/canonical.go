// Package pyjson knows the canonical text of a JSON value, which is what
// Python's json.dumps(value, sort_keys=True) prints: keys sorted by code point
// at every depth, ", " and ": " between, nothing but printable ASCII. A hash
// over this text can be recomputed with three lines of Python.
//
// Every value has one canonical text: integers of any size stay as they are,
// all other numbers are read as doubles, and a text that leaves room for two
// readings (a key given twice, a lone surrogate, a number beyond the doubles)
// is refused.
package pyjson

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Canonical returns the canonical text of the JSON text src. An error says at
// which byte src is refused and wraps the reason: [ErrSyntax], [ErrUTF8],
// [ErrSurrogate], [ErrDuplicateKey], [ErrRange], [ErrNotFinite], [ErrDepth] or
// [ErrTrailing].
func Canonical(src []byte) ([]byte, error) {
	s := NewScanner(src)
	dst, err := s.appendValue(make([]byte, 0, len(src)+len(src)/4))
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return nil, err
	}
	return dst, nil
}

// appendValue reads any value and appends its canonical text.
func (s *Scanner) appendValue(dst []byte) ([]byte, error) {
	switch s.Peek() {
	case KindObject:
		return s.appendObject(dst)
	case KindArray:
		return s.appendArray(dst)
	case KindString:
		text, err := s.text()
		return AppendString(dst, string(text)), err
	case KindNumber:
		return s.appendNumber(dst)
	default:
		word, err := s.Raw()
		return append(dst, word...), err
	}
}

// member is where the text of a key and its value stands in an object.
type member struct {
	key      string
	from, to int
}

// appendObject appends the members as they come and then puts them in order.
func (s *Scanner) appendObject(dst []byte) ([]byte, error) {
	dst = append(dst, '{')
	start := len(dst)
	var members []member
	err := s.Object(func(key string) (err error) {
		if len(members) > 0 {
			dst = append(dst, ", "...)
		}
		from := len(dst) - start
		dst = append(AppendString(dst, key), ": "...)
		dst, err = s.appendValue(dst)
		members = append(members, member{key, from, len(dst) - start})
		return err
	})
	if err != nil {
		return nil, err
	}
	sortMembers(dst[start:], members)
	return append(dst, '}'), nil
}

// sortMembers sorts the text of an object's members by key. Strings in UTF-8
// compare as their code points do.
func sortMembers(text []byte, members []member) {
	byKey := func(a, b member) int { return strings.Compare(a.key, b.key) }
	if slices.IsSortedFunc(members, byKey) {
		return // as it is whenever the text was canonical already
	}
	slices.SortFunc(members, byKey)
	old := bytes.Clone(text)
	text = text[:0]
	for i, m := range members {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(text, old[m.from:m.to]...)
	}
}

// appendArray appends the elements in their order.
func (s *Scanner) appendArray(dst []byte) ([]byte, error) {
	dst = append(dst, '[')
	err := s.Array(func(i int) (err error) {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst, err = s.appendValue(dst)
		return err
	})
	return append(dst, ']'), err
}

// appendNumber appends an integer as it is and any other number as its double.
func (s *Scanner) appendNumber(dst []byte) ([]byte, error) {
	token, integer, err := s.number()
	switch {
	case err != nil:
		return nil, err
	case integer && string(token) == "-0":
		return append(dst, '0'), nil // Python's integers have one zero
	case integer:
		return append(dst, token...), nil
	}
	f, err := strconv.ParseFloat(string(token), 64)
	return AppendFloat(dst, f), err
}
