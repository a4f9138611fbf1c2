// Package wireformat reads protobuf messages strictly: whoever skips what it does
// not know becomes another replica than the rest. It allocates nothing, and what
// it returns lies in the message.
package wireformat

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

var (
	// ErrMalformed: the bytes are no protobuf message.
	ErrMalformed = errors.New("not a message")

	// ErrUnexpected: a message that another program may understand, and not one
	// of this description: an unknown field, one of another type or out of its
	// range, a field twice or out of order.
	ErrUnexpected = errors.New("not expected here")
)

// Reader reads the fields of one message, which must come in the order of their
// numbers:
//
//	for r.Next() {
//		switch r.Number() {
//		case 1:
//			m.name = r.Text()
//		}
//	}
//	return r.Err()
//
// What is read after an error is zero. A field that nobody has read by the next
// one is unknown, and an error.
type Reader struct {
	rest   []byte
	number protowire.Number
	wire   protowire.Type
	again  bool // the number is that of the field before
	unread bool
	err    error
}

// NewReader returns a reader of a message.
func NewReader(message []byte) Reader { return Reader{rest: message} }

// Next goes to the next field. It returns false after the last, and after an
// error.
func (r *Reader) Next() bool {
	if r.unread {
		r.unexpected("it is unknown")
	}
	if r.err != nil || len(r.rest) == 0 {
		return false
	}
	number, wire, n := protowire.ConsumeTag(r.rest)
	if n < 0 {
		r.malformed(n)
		return false
	}
	before := r.number
	r.rest, r.number, r.wire, r.again, r.unread = r.rest[n:], number, wire, number == before, true
	if number < before {
		r.unexpected("it comes after field %d", before)
	}
	return r.err == nil
}

// Number is that of the field.
func (r *Reader) Number() protowire.Number { return r.number }

// Err is the first error, or nil.
func (r *Reader) Err() error { return r.err }

// Fail makes err the error, unless there is one.
func (r *Reader) Fail(err error) {
	r.unread = false
	if r.err == nil {
		r.err = err
	}
}

// Done ends the reading of a message that lies in the field.
func (r *Reader) Done(inner *Reader) {
	if inner.err != nil {
		r.Fail(fmt.Errorf("in field %d: %w", r.number, inner.err))
	}
}

// Uint reads a number.
func (r *Reader) Uint() uint64 {
	if !r.begin(protowire.VarintType, false) {
		return 0
	}
	v, n := protowire.ConsumeVarint(r.rest)
	if n < 0 {
		r.malformed(n)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Int reads a number that may be negative.
func (r *Reader) Int() int64 { return int64(r.Uint()) }

// Place reads a number that counts things in memory.
func (r *Reader) Place() int {
	v := r.Uint()
	if v > math.MaxInt32 {
		r.unexpected("%d is out of range", v)
		return 0
	}
	return int(v)
}

// Bool reads true or false, each in its one encoding.
func (r *Reader) Bool() bool {
	v := r.Uint()
	if v > 1 {
		r.unexpected("%d is neither true nor false", v)
	}
	return v == 1
}

// Bytes reads bytes or a message. They lie in the message that is read.
func (r *Reader) Bytes() []byte { return r.bytes(false) }

// Repeated reads one of the values of a field that may come any number of times.
func (r *Reader) Repeated() []byte { return r.bytes(true) }

// Text reads a string. Whether it is valid UTF-8 is for whoever knows what it
// means: there a text that is not can be refused, and stops nothing.
func (r *Reader) Text() string { return string(r.bytes(false)) }

// Fill reads bytes that must be as many as dst has.
func (r *Reader) Fill(dst []byte) {
	if b := r.bytes(false); len(b) == len(dst) {
		copy(dst, b)
	} else {
		r.unexpected("it has %d bytes, not %d", len(b), len(dst))
	}
}

func (r *Reader) bytes(repeated bool) []byte {
	if !r.begin(protowire.BytesType, repeated) {
		return nil
	}
	b, n := protowire.ConsumeBytes(r.rest)
	if n < 0 {
		r.malformed(n)
		return nil
	}
	r.rest = r.rest[n:]
	return b
}

// begin takes the value of the field in hand, if it is of that wire type.
func (r *Reader) begin(wire protowire.Type, repeated bool) bool {
	r.unread = false
	switch {
	case r.err != nil:
	case r.wire != wire:
		r.unexpected("wire type %d in place of %d", r.wire, wire)
	case r.again && !repeated:
		r.unexpected("it stands twice")
	}
	return r.err == nil
}

func (r *Reader) malformed(n int) {
	r.Fail(fmt.Errorf("%w: behind field %d: %w", ErrMalformed, r.number, protowire.ParseError(n)))
}

func (r *Reader) unexpected(format string, args ...any) {
	r.Fail(fmt.Errorf("%w: field %d: %s", ErrUnexpected, r.number, fmt.Sprintf(format, args...)))
}
