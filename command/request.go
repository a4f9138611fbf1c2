// Package command is what goes into the log and comes back: requests and the
// answers to them, their bytes, and whoever asks. Bytes are read and written by
// hand, and strictly, because every transaction passes through here on every
// member; command.proto describes them.
package command

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// ErrUnknownRequest means that the log holds something this binary does not
// know. To skip it would make this member's state another one than the rest's.
var ErrUnknownRequest = errors.New("the log holds a request that this version of bpsc does not know: upgrade this member and start it again")

// Request is one of the types below that have its methods. The comment beside a
// field is its number in command.proto.
type Request interface {
	number() protowire.Number // in the oneof
	append(b []byte) []byte
	read(r *wireformat.Reader)
}

// Submit is transactions to be decided, in their order.
type Submit struct {
	Token        string              // 1
	Transactions []chain.Transaction // 2
}

// Produce asks for a block now.
type Produce struct {
	Token string // 1
}

// Create starts a chain.
type Create struct {
	Contract []byte // 1: JSON
	First    bool   // 2: it is only wanted as the cluster's first
}

// Register adds nodes to the directory.
type Register struct {
	Nodes []string // 1: host:port
	From  string   // 2: the network that registers them
}

// Remove takes a node off the directory.
type Remove struct {
	Node string // 1
}

// Announce is what a member says of itself.
type Announce struct {
	Member string // 1
	URL    string // 2: of its API
	Key    string // 3: that it signs checkpoints with
}

// Attest is what a member or a witness says of a chain.
type Attest struct {
	Token string // 1
	chain.Attestation
}

// Encode writes a request.
func Encode(q Request) []byte {
	body := q.append(nil)
	return wireformat.AppendBytes(make([]byte, 0, len(body)+8), q.number(), body)
}

// Decode reads a request. Its errors wrap ErrUnknownRequest.
func Decode(data []byte) (Request, error) {
	var q Request
	r := wireformat.NewReader(data)
	for r.Next() {
		if q != nil {
			return nil, fmt.Errorf("%w: two in one", ErrUnknownRequest)
		}
		if q = newRequest(r.Number()); q == nil {
			continue // the reader says so
		}
		body := wireformat.NewReader(r.Bytes())
		q.read(&body)
		r.Done(&body)
	}
	switch err := r.Err(); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnknownRequest, err)
	case q == nil:
		return nil, fmt.Errorf("%w: it is empty", ErrUnknownRequest)
	}
	return q, nil
}

func newRequest(number protowire.Number) Request {
	switch number {
	case 2:
		return &Submit{}
	case 3:
		return &Produce{}
	case 4:
		return &Create{}
	case 5:
		return &Register{}
	case 6:
		return &Announce{}
	case 7:
		return &Attest{}
	case 8:
		return &Remove{}
	}
	return nil
}

func (*Submit) number() protowire.Number   { return 2 }
func (*Produce) number() protowire.Number  { return 3 }
func (*Create) number() protowire.Number   { return 4 }
func (*Register) number() protowire.Number { return 5 }
func (*Announce) number() protowire.Number { return 6 }
func (*Attest) number() protowire.Number   { return 7 }
func (*Remove) number() protowire.Number   { return 8 }

func (q *Submit) append(b []byte) []byte {
	b = wireformat.AppendText(b, 1, q.Token)
	var buf []byte
	for i := range q.Transactions {
		buf = appendTransaction(buf[:0], &q.Transactions[i])
		b = wireformat.AppendBytes(b, 2, buf)
	}
	return b
}

func (q *Submit) read(r *wireformat.Reader) {
	for r.Next() {
		switch r.Number() {
		case 1:
			q.Token = r.Text()
		case 2:
			q.Transactions = append(q.Transactions, chain.Transaction{})
			t := wireformat.NewReader(r.Repeated())
			readTransaction(&t, &q.Transactions[len(q.Transactions)-1])
			r.Done(&t)
		}
	}
}

func (q *Produce) append(b []byte) []byte { return wireformat.AppendText(b, 1, q.Token) }

func (q *Produce) read(r *wireformat.Reader) {
	for r.Next() {
		if r.Number() == 1 {
			q.Token = r.Text()
		}
	}
}

func (q *Create) append(b []byte) []byte {
	b = wireformat.AppendBytes(b, 1, q.Contract)
	if q.First {
		b = wireformat.AppendUint(b, 2, 1)
	}
	return b
}

func (q *Create) read(r *wireformat.Reader) {
	for r.Next() {
		switch r.Number() {
		case 1:
			q.Contract = r.Bytes()
		case 2:
			q.First = r.Bool()
		}
	}
}

func (q *Register) append(b []byte) []byte {
	for _, n := range q.Nodes {
		b = wireformat.AppendText(b, 1, n)
	}
	return wireformat.AppendText(b, 2, q.From)
}

func (q *Register) read(r *wireformat.Reader) {
	for r.Next() {
		switch r.Number() {
		case 1:
			q.Nodes = append(q.Nodes, string(r.Repeated()))
		case 2:
			q.From = r.Text()
		}
	}
}

func (q *Remove) append(b []byte) []byte { return wireformat.AppendText(b, 1, q.Node) }

func (q *Remove) read(r *wireformat.Reader) {
	for r.Next() {
		if r.Number() == 1 {
			q.Node = r.Text()
		}
	}
}

func (q *Announce) append(b []byte) []byte {
	b = wireformat.AppendText(wireformat.AppendText(b, 1, q.Member), 2, q.URL)
	if q.Key != "" {
		b = wireformat.AppendText(b, 3, q.Key)
	}
	return b
}

func (q *Announce) read(r *wireformat.Reader) {
	for r.Next() {
		switch r.Number() {
		case 1:
			q.Member = r.Text()
		case 2:
			q.URL = r.Text()
		case 3:
			q.Key = r.Text()
		}
	}
}

func (q *Attest) append(b []byte) []byte {
	b = wireformat.AppendText(b, 1, q.Token)
	b = wireformat.AppendText(b, 2, q.Member)
	b = wireformat.AppendUint(b, 3, q.Size)
	b = wireformat.AppendBytes(b, 4, q.Root[:])
	b = wireformat.AppendBytes(b, 5, q.Digest[:])
	return wireformat.AppendText(b, 6, q.Cosignature)
}

func (q *Attest) read(r *wireformat.Reader) {
	for r.Next() {
		switch r.Number() {
		case 1:
			q.Token = r.Text()
		case 2:
			q.Member = r.Text()
		case 3:
			q.Size = r.Uint()
		case 4:
			r.Fill(q.Root[:])
		case 5:
			r.Fill(q.Digest[:])
		case 6:
			q.Cosignature = r.Text()
		}
	}
}
