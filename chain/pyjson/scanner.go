package pyjson

import "fmt"

// MaxDepth is how many objects and arrays may stand inside one another.
const MaxDepth = 64

// Kind is what a JSON value is.
type Kind byte

// The kinds of values. KindInvalid means that no value begins here.
const (
	KindInvalid Kind = iota
	KindObject
	KindArray
	KindString
	KindNumber
	KindBool
	KindNull
)

// kinds tells the kind of a value by its first byte.
var kinds = [256]Kind{
	'{': KindObject, '[': KindArray, '"': KindString,
	't': KindBool, 'f': KindBool, 'n': KindNull,
	'-': KindNumber, '0': KindNumber, '1': KindNumber, '2': KindNumber, '3': KindNumber,
	'4': KindNumber, '5': KindNumber, '6': KindNumber, '7': KindNumber, '8': KindNumber, '9': KindNumber,
}

// kindNames are for messages.
var kindNames = [...]string{"nothing", "object", "array", "string", "number", "bool", "null"}

// String names the kind for messages.
func (k Kind) String() string { return kindNames[k] }

// A Scanner reads JSON values one after the other, in the order of the text,
// for a caller that knows what it expects. It accepts every valid JSON text and
// refuses what [Canonical] refuses, also in values that the caller skips.
//
// A Scanner is of no further use after an error.
type Scanner struct {
	src   []byte
	pos   int
	depth int
	buf   []byte   // the last string that had escapes
	names interned // keys seen before
}

// NewScanner returns a scanner on src, which must not change meanwhile.
func NewScanner(src []byte) *Scanner { return &Scanner{src: src} }

// Offset returns how many bytes have been read.
func (s *Scanner) Offset() int { return s.pos }

// Advance counts n more bytes as read, for a caller that knows the value that
// stands there and has read it by itself.
func (s *Scanner) Advance(n int) { s.pos += n }

// Peek skips white space and tells the kind of the next value without reading it.
func (s *Scanner) Peek() Kind { return kinds[s.space()] }

// End checks that nothing but white space is left.
func (s *Scanner) End() error {
	if s.space(); s.pos < len(s.src) {
		return fail(ErrTrailing, s.pos)
	}
	return nil
}

// Object reads an object and calls member for each of its keys, in the order of
// the text, to read the value. A value that member leaves unread is skipped.
func (s *Scanner) Object(member func(key string) error) error {
	if err := s.open(KindObject); err != nil {
		return err
	}
	var seen keySet
	for first := true; ; first = false {
		if done, err := s.next('}', first); done || err != nil {
			return err
		}
		key, err := s.key(&seen)
		if err != nil {
			return err
		}
		if err := s.value(func() error { return member(key) }); err != nil {
			return err
		}
	}
}

// Array reads an array and calls element for each index to read the value. A
// value that element leaves unread is skipped.
func (s *Scanner) Array(element func(i int) error) error {
	if err := s.open(KindArray); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if done, err := s.next(']', i == 0); done || err != nil {
			return err
		}
		if err := s.value(func() error { return element(i) }); err != nil {
			return err
		}
	}
}

// String reads a string.
func (s *Scanner) String() (string, error) {
	text, err := s.text()
	return string(text), err
}

// Number reads a number and returns it as it stands in the text. It is an
// integer of any size or fits a double.
func (s *Scanner) Number() (string, error) {
	token, _, err := s.number()
	return string(token), err
}

// Bool reads true or false.
func (s *Scanner) Bool() (bool, error) {
	if err := s.expect(KindBool); err != nil {
		return false, err
	}
	if s.src[s.pos] == 't' {
		return true, s.word("true")
	}
	return false, s.word("false")
}

// Null reads null. [Scanner.Peek] tells beforehand whether it is there.
func (s *Scanner) Null() error {
	if err := s.expect(KindNull); err != nil {
		return err
	}
	return s.word("null")
}

// Raw reads any value and returns its bytes, a part of the scanner's input.
func (s *Scanner) Raw() ([]byte, error) {
	s.space()
	start := s.pos
	if err := s.skip(); err != nil {
		return nil, err
	}
	return s.src[start:s.pos:s.pos], nil
}

// expect checks the kind of the next value.
func (s *Scanner) expect(want Kind) error {
	switch have := s.Peek(); have {
	case want:
		return nil
	case KindInvalid:
		return s.unexpected(s.pos)
	default:
		return fmt.Errorf("%w at byte %d: want %s, have %s", ErrKind, s.pos, want, have)
	}
}
