package command

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// Answer is what a request came to. Refused is for the request as a whole.
type Answer struct {
	Refused  chain.Code
	Detail   string
	Outcomes []Outcome // of the transactions of a Submit
	Block    uint64    // that was produced
	Entry    uint64    // of the audit log, that was begun
}

// Outcome is what one transaction of a Submit came to.
type Outcome struct {
	Block     uint64 // that has its record, or will
	Position  int    // in that block
	Refused   chain.Code
	Replay    bool   // it had been decided before
	Completed bool   // its record was the last that its block could take
	Record    []byte // what was decided, where it does not follow from the transaction
}

// Encode writes the answer.
func (a *Answer) Encode() []byte {
	c := wireformat.NewWriter([]byte{}) // nil is no answer
	a.fields(c)
	return c.Written()
}

// DecodeAnswer reads an answer. Records lie in data.
func DecodeAnswer(data []byte) (a Answer, err error) {
	c := wireformat.NewReader(data)
	a.fields(c)
	return a, c.Finish()
}

func (a *Answer) fields(c *wireformat.Codec) {
	if c.Reading() || a.Refused != "" {
		c.Text(1, (*string)(&a.Refused))
		c.Text(2, &a.Detail)
	}
	wireformat.Repeated(c, 3, &a.Outcomes, func(c *wireformat.Codec, n protowire.Number, o *Outcome) {
		wireformat.Message(c, n, o, (*Outcome).fields)
	})
	if c.Reading() || a.Block > 0 {
		c.Uint(4, &a.Block)
	}
	if c.Reading() || a.Entry > 0 {
		c.Uint(5, &a.Entry)
	}
}

func (o *Outcome) fields(c *wireformat.Codec) {
	if c.Reading() || o.Refused == "" {
		c.Uint(1, &o.Block)
		c.Place(2, &o.Position)
	}
	if c.Reading() || o.Refused != "" {
		c.Text(3, (*string)(&o.Refused))
	}
	if c.Reading() || o.Replay {
		c.Bool(4, &o.Replay)
	}
	if c.Reading() || o.Completed {
		c.Bool(5, &o.Completed)
	}
	if c.Reading() || o.Record != nil {
		c.Bytes(6, &o.Record)
	}
}
