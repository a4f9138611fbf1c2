// Package wireformat writes and reads protobuf messages strictly, for what is
// replicated: whoever skips what it does not know becomes another replica than the
// rest. Fields stand in the order of their numbers, so one list of them serves both
// ways:
//
//	func (m *member) fields(c *wireformat.Codec) {
//		c.Text(1, &m.name)
//		c.Uint(2, &m.age)
//	}
//
// A field that is not there stays as it is. One that the list does not have at that
// place is an error: an unknown one, one of another type, one twice or out of order.
package wireformat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

var (
	// ErrMalformed: the bytes are no protobuf message.
	ErrMalformed = errors.New("not a message")

	// ErrUnexpected: another program may understand this message, and it is none
	// of this description.
	ErrUnexpected = errors.New("not expected here")
)

// Codec writes or reads one message. Numbers of fields are 15 at most.
type Codec struct {
	reading bool
	buf     []byte // what is written; what is not read yet of the message in hand
	text    string // the whole message, where texts that are read share one memory
	room    int    // the capacity that buf had at the start of the message
	err     error
}

// NewWriter returns a codec that appends to b.
func NewWriter(b []byte) *Codec { return &Codec{buf: b} }

// NewReader returns a codec that reads a message. Bytes that it reads lie there.
func NewReader(message []byte) *Codec { return &Codec{reading: true, buf: message} }

// NewTextReader is NewReader for a message of many texts: they lie in one copy of the
// message, which is there as long as one of them.
func NewTextReader(message []byte) *Codec {
	return &Codec{reading: true, buf: message, text: string(message), room: cap(message)}
}

// Reading tells which way it goes.
func (c *Codec) Reading() bool { return c.reading }

// Written is what has been written.
func (c *Codec) Written() []byte { return c.buf }

// Finish ends the reading: all must have been read. It returns the first error.
func (c *Codec) Finish() error {
	if len(c.buf) > 0 {
		number, wire, n := protowire.ConsumeTag(c.buf)
		if n < 0 {
			c.malformed(n)
		} else {
			c.Fail(fmt.Errorf("%w: field %d of wire type %d", ErrUnexpected, number, wire))
		}
	}
	return c.err
}

// Fail makes err the error, unless there is one. Nothing is read after it.
func (c *Codec) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.buf = nil
}

func (c *Codec) malformed(n int) { c.Fail(fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))) }

// Next is the number of the next field to read, 0 if there is none.
func (c *Codec) Next() protowire.Number {
	if len(c.buf) == 0 {
		return 0
	}
	return protowire.Number(c.buf[0] >> 3)
}

// Require makes it an error that the field is not there.
func (c *Codec) Require(n protowire.Number) {
	if c.reading && c.Next() != n {
		c.Fail(fmt.Errorf("%w: field %d is missing", ErrUnexpected, n))
	}
}

// begin writes a field's tag, or takes it if it is the next one, and returns false
// if it is not there.
func (c *Codec) begin(n protowire.Number, wire protowire.Type) bool {
	tag := byte(n)<<3 | byte(wire)
	switch {
	case !c.reading:
		c.buf = append(c.buf, tag)
	case len(c.buf) == 0 || c.buf[0] != tag:
		return false
	default:
		c.buf = c.buf[1:]
	}
	return true
}

// Uint is a number.
func (c *Codec) Uint(n protowire.Number, v *uint64) {
	if !c.begin(n, protowire.VarintType) {
		return
	}
	if !c.reading {
		c.buf = protowire.AppendVarint(c.buf, *v)
		return
	}
	read, size := protowire.ConsumeVarint(c.buf)
	if size < 0 {
		c.malformed(size)
		return
	}
	*v, c.buf = read, c.buf[size:]
}

// Int is a number that may be negative.
func (c *Codec) Int(n protowire.Number, v *int64) {
	if u := c.number(n, uint64(*v), math.MaxUint64); c.reading {
		*v = int64(u)
	}
}

// Place is a number that counts things in memory.
func (c *Codec) Place(n protowire.Number, v *int) {
	if u := c.number(n, uint64(*v), math.MaxInt32); c.reading {
		*v = int(u)
	}
}

// Bool is true or false.
func (c *Codec) Bool(n protowire.Number, v *bool) {
	if u := c.number(n, protowire.EncodeBool(*v), 1); c.reading {
		*v = u == 1
	}
}

// number is Uint of at most so much.
func (c *Codec) number(n protowire.Number, v, most uint64) uint64 {
	if c.Uint(n, &v); v > most {
		c.Fail(fmt.Errorf("%w: %d in field %d, where %d is the most", ErrUnexpected, v, n, most))
		return 0
	}
	return v
}

// Bytes are of any length. What is read lies in the message.
func (c *Codec) Bytes(n protowire.Number, v *[]byte) {
	switch {
	case !c.begin(n, protowire.BytesType):
	case c.reading:
		*v = c.take()
	default:
		c.buf = protowire.AppendBytes(c.buf, *v)
	}
}

// Text is a string. Whether it is valid UTF-8 is for whoever knows what it means:
// there a text that is not can be refused, and stops nothing.
func (c *Codec) Text(n protowire.Number, v *string) {
	switch {
	case !c.begin(n, protowire.BytesType):
	case c.reading && c.room > 0:
		b := c.take()
		at := c.room - cap(b) // all that is read is cut from the message, and reaches as far
		*v = c.text[at : at+len(b)]
	case c.reading:
		*v = string(c.take())
	default:
		c.buf = protowire.AppendString(c.buf, *v)
	}
}

// Fixed are bytes of one length, that of v.
func (c *Codec) Fixed(n protowire.Number, v []byte) {
	switch {
	case !c.begin(n, protowire.BytesType):
	case !c.reading:
		c.buf = protowire.AppendBytes(c.buf, v)
	default:
		if b := c.take(); len(b) == len(v) {
			copy(v, b)
		} else {
			c.Fail(fmt.Errorf("%w: %d bytes in field %d, not %d", ErrUnexpected, len(b), n, len(v)))
		}
	}
}

// take reads bytes behind their tag.
func (c *Codec) take() []byte {
	b, size := protowire.ConsumeBytes(c.buf)
	if size < 0 {
		c.malformed(size)
		return nil
	}
	c.buf = c.buf[size:]
	return b
}

// Optional is a field that may be missing. It returns where its value is, or nil
// where there is none.
func Optional[T any](c *Codec, n protowire.Number, v **T) *T {
	if c.reading && c.Next() == n {
		*v = new(T)
	}
	return *v
}

// Message is a message in a field.
func Message[T any](c *Codec, n protowire.Number, v *T, fields func(*T, *Codec)) {
	if !c.begin(n, protowire.BytesType) {
		return
	}
	if c.reading {
		inner := c.take()
		rest := c.buf
		c.buf = inner
		fields(v, c)
		if c.Finish() == nil {
			c.buf = rest
		}
		return
	}
	c.buf = append(c.buf, 0) // room for a short length
	begin := len(c.buf)
	fields(v, c)
	size := len(c.buf) - begin
	if more := protowire.SizeVarint(uint64(size)) - 1; more > 0 {
		var room [binary.MaxVarintLen64]byte
		c.buf = slices.Insert(c.buf, begin, room[:more]...)
	}
	protowire.AppendVarint(c.buf[:begin-1], uint64(size))
}

// count is how many fields of bytes with that number come next, one after the other.
func (c *Codec) count(n protowire.Number) (count int) {
	tag := byte(n)<<3 | byte(protowire.BytesType)
	for b := c.buf; len(b) > 0 && b[0] == tag; count++ {
		size, length := protowire.ConsumeVarint(b[1:])
		if length < 0 || size > uint64(len(b)-1-length) {
			break
		}
		b = b[1+length+int(size):]
	}
	return count
}

// Repeated is a field that may come any number of times.
func Repeated[T any](c *Codec, n protowire.Number, all *[]T, one func(c *Codec, n protowire.Number, v *T)) {
	if !c.reading {
		for i := range *all {
			one(c, n, &(*all)[i])
		}
		return
	}
	*all = slices.Grow(*all, c.count(n))
	for c.Next() == n {
		before := len(c.buf)
		*all = append(*all, *new(T))
		one(c, n, &(*all)[len(*all)-1])
		if len(c.buf) == before {
			return // it is of another type; Finish says so
		}
	}
}
