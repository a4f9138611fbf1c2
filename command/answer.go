package command

import (
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// Answer is what a request came to. Refused is for the request as a whole. The
// comment beside a field is its number in command.proto.
type Answer struct {
	Refused  chain.Code // 1
	Detail   string     // 2
	Outcomes []Outcome  // 3: of the transactions of a Submit
	Block    uint64     // 4: that was produced
}

// Outcome is what one transaction of a Submit came to.
type Outcome struct {
	Block     uint64     // 1: that has its record, or will
	Position  int        // 2: in that block
	Refused   chain.Code // 3
	Replay    bool       // 4: it had been decided before
	Completed bool       // 5: its record was the last that its block could take
	Record    []byte     // 6: what was decided, where it does not follow from the transaction
}

// Encode writes the answer.
func (a *Answer) Encode() []byte {
	b := []byte{} // nil is no answer
	if a.Refused != "" {
		b = wireformat.AppendText(wireformat.AppendText(b, 1, string(a.Refused)), 2, a.Detail)
	}
	var buf []byte
	for i := range a.Outcomes {
		buf = a.Outcomes[i].append(buf[:0])
		b = wireformat.AppendBytes(b, 3, buf)
	}
	if a.Block > 0 {
		b = wireformat.AppendUint(b, 4, a.Block)
	}
	return b
}

// DecodeAnswer reads an answer. Records lie in data.
func DecodeAnswer(data []byte) (a Answer, err error) {
	r := wireformat.NewReader(data)
	for r.Next() {
		switch r.Number() {
		case 1:
			a.Refused = chain.Code(r.Text())
		case 2:
			a.Detail = r.Text()
		case 3:
			a.Outcomes = append(a.Outcomes, Outcome{})
			inner := wireformat.NewReader(r.Repeated())
			a.Outcomes[len(a.Outcomes)-1].read(&inner)
			r.Done(&inner)
		case 4:
			a.Block = r.Uint()
		}
	}
	return a, r.Err()
}

func (o *Outcome) append(b []byte) []byte {
	if o.Refused != "" {
		b = wireformat.AppendText(b, 3, string(o.Refused))
	} else {
		b = wireformat.AppendUint(b, 1, o.Block)
		b = wireformat.AppendUint(b, 2, uint64(o.Position))
	}
	if o.Replay {
		b = wireformat.AppendUint(b, 4, 1)
	}
	if o.Completed {
		b = wireformat.AppendUint(b, 5, 1)
	}
	if o.Record != nil {
		b = wireformat.AppendBytes(b, 6, o.Record)
	}
	return b
}

func (o *Outcome) read(r *wireformat.Reader) {
	for r.Next() {
		switch r.Number() {
		case 1:
			o.Block = r.Uint()
		case 2:
			o.Position = r.Place()
		case 3:
			o.Refused = chain.Code(r.Text())
		case 4:
			o.Replay = r.Bool()
		case 5:
			o.Completed = r.Bool()
		case 6:
			o.Record = r.Bytes()
		}
	}
}
