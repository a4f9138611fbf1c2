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
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// ErrUnknownRequest means that the log holds something this binary does not
// know. To skip it would make this member's state another one than the rest's.
var ErrUnknownRequest = errors.New("the log holds a request that this version of bpsc does not know")

// Request is one of the types below that have its methods.
type Request interface {
	number() protowire.Number   // in command.proto
	fields(c *wireformat.Codec) // for writing and for reading
}

// Submit is transactions to be decided, in their order.
type Submit struct {
	Token        string
	Transactions []chain.Transaction
}

func (*Submit) number() protowire.Number { return 2 }

func (q *Submit) fields(c *wireformat.Codec) {
	c.Text(1, &q.Token)
	wireformat.Repeated(c, 2, &q.Transactions, func(c *wireformat.Codec, n protowire.Number, t *chain.Transaction) {
		wireformat.Message(c, n, t, transactionFields)
	})
}

// Produce asks for a block now.
type Produce struct {
	Token string
}

func (*Produce) number() protowire.Number { return 3 }

func (q *Produce) fields(c *wireformat.Codec) { c.Text(1, &q.Token) }

// Create starts a chain.
type Create struct {
	Contract []byte // JSON
	First    bool   // it is only wanted as the cluster's first
}

func (*Create) number() protowire.Number { return 4 }

func (q *Create) fields(c *wireformat.Codec) {
	c.Bytes(1, &q.Contract)
	if c.Reading() || q.First {
		c.Bool(2, &q.First)
	}
}

// Register adds nodes to the directory.
type Register struct {
	Nodes []string // host:port
	From  string   // the network that registers them
}

func (*Register) number() protowire.Number { return 5 }

func (q *Register) fields(c *wireformat.Codec) {
	wireformat.Repeated(c, 1, &q.Nodes, (*wireformat.Codec).Text)
	c.Text(2, &q.From)
}

// Remove takes a node off the directory.
type Remove struct {
	Node string
}

func (*Remove) number() protowire.Number { return 8 }

func (q *Remove) fields(c *wireformat.Codec) { c.Text(1, &q.Node) }

// Announce is what a member says of itself.
type Announce struct {
	Member string
	URL    string        // of its API
	Key    string        // that it signs checkpoints with
	Level  release.Level // the newest that it knows; 0 of a witness
}

func (*Announce) number() protowire.Number { return 6 }

func (q *Announce) fields(c *wireformat.Codec) {
	c.Text(1, &q.Member)
	c.Text(2, &q.URL)
	if c.Reading() || q.Key != "" {
		c.Text(3, &q.Key)
	}
	if c.Reading() || q.Level > 0 {
		c.Uint(4, (*uint64)(&q.Level))
	}
}

// Attest is what a member or a witness says of a chain.
type Attest struct {
	Token string
	chain.Attestation
}

func (*Attest) number() protowire.Number { return 7 }

func (q *Attest) fields(c *wireformat.Codec) {
	c.Text(1, &q.Token)
	c.Text(2, &q.Member)
	c.Uint(3, &q.Size)
	c.Fixed(4, q.Root[:])
	c.Fixed(5, q.Digest[:])
	c.Text(6, &q.Cosignature)
}

// Endorse is a member's signature of the handover to a policy.
type Endorse struct {
	Number      uint64 // of the new policy
	Member      string
	Cosignature string
}

func (*Endorse) number() protowire.Number { return 9 }

func (q *Endorse) fields(c *wireformat.Codec) {
	c.Uint(1, &q.Number)
	c.Text(2, &q.Member)
	c.Text(3, &q.Cosignature)
}

// Recovered says that somebody made what was left of a cluster go on without a majority.
type Recovered struct {
	By     string // as that person has called itself
	Reason string
	Time   chain.Seconds // by the clock of the machine where it was done
	Before []string      // identities of the voters that there were
	After  []string      // and of those that went on
}

func (*Recovered) number() protowire.Number { return 10 }

func (q *Recovered) fields(c *wireformat.Codec) {
	c.Text(1, &q.By)
	c.Text(2, &q.Reason)
	c.Int(3, (*int64)(&q.Time))
	wireformat.Repeated(c, 4, &q.Before, (*wireformat.Codec).Text)
	wireformat.Repeated(c, 5, &q.After, (*wireformat.Codec).Text)
}

// Activate puts the cluster on a level.
type Activate struct {
	Level   release.Level
	Release string // the first that knows it
}

func (*Activate) number() protowire.Number { return 11 }

func (q *Activate) fields(c *wireformat.Codec) {
	c.Uint(1, (*uint64)(&q.Level))
	c.Text(2, &q.Release)
}

// MakeToken adds an access token.
type MakeToken struct {
	Hash     token.Hash // of its text, which is in no log
	Name     string
	Roles    token.Roles
	Contract string // that it is limited to; "" for all
	Expires  int64  // unix seconds; 0: never
	Parent   string // id of the token that makes it; "" where no token does
}

func (*MakeToken) number() protowire.Number { return 12 }

func (q *MakeToken) fields(c *wireformat.Codec) {
	c.Fixed(1, q.Hash[:])
	c.Text(2, &q.Name)
	c.Uint(3, (*uint64)(&q.Roles))
	c.Text(4, &q.Contract)
	c.Int(5, &q.Expires)
	c.Text(6, &q.Parent)
}

// RevokeToken ends a token, with all that it has made.
type RevokeToken struct {
	ID string
	By string // id of the token that asks; "" where no token does
}

func (*RevokeToken) number() protowire.Number { return 13 }

func (q *RevokeToken) fields(c *wireformat.Codec) {
	c.Text(1, &q.ID)
	c.Text(2, &q.By)
}

// Note is for the audit log: what an operator is about to do, or how that ended.
type Note struct {
	auditlog.Action
	Of     uint64 // number of the entry that has ended; 0: it begins
	Result string // of what has ended
}

func (*Note) number() protowire.Number { return 14 }

func (q *Note) fields(c *wireformat.Codec) {
	if c.Reading() || q.Of == 0 {
		wireformat.Message(c, 1, &q.Action, (*auditlog.Action).Fields)
	}
	if c.Reading() || q.Of > 0 {
		c.Uint(2, &q.Of)
		c.Text(3, &q.Result)
	}
}

// LevelOf is the level that a request is of. The log has it only once that is active;
// the one that activates a level is of that level itself, so that whoever does not know
// the level stops there.
func LevelOf(q Request) release.Level {
	switch q := q.(type) {
	case *Activate:
		return q.Level
	case *MakeToken, *RevokeToken, *Note:
		return release.Access
	}
	return release.First
}

// needField stands before a request of a later level than the first. A member that
// does not know the request can say from it what to install.
const needField = 1

func needFields(n *release.Need, c *wireformat.Codec) {
	c.Uint(1, (*uint64)(&n.Level))
	c.Text(2, &n.Release)
}

// NeedOf is what a member must know that is to apply an encoded request.
func NeedOf(data []byte) (n release.Need) {
	if c := wireformat.NewReader(data); c.Next() == needField {
		wireformat.Message(c, needField, &n, needFields)
	}
	return n
}

// Encode writes a request.
func Encode(q Request) []byte { return encodeIn(nil, q) }

// encodeIn writes a request to the end of b, which has room for it or grows.
func encodeIn(b []byte, q Request) []byte {
	c := wireformat.NewWriter(b)
	if level := LevelOf(q); level > release.First {
		need := release.For(level)
		wireformat.Message(c, needField, &need, needFields)
	}
	wireformat.Message(c, q.number(), &q, requestFields)
	return c.Written()
}

// Decode reads a request. Its errors wrap ErrUnknownRequest, and release.ErrTooOld
// where the request says that it is of a later level. Texts of a request share one
// memory: who keeps one that is small beside the others copies it.
func Decode(data []byte) (Request, error) {
	c := wireformat.NewTextReader(data)
	var need release.Need
	wireformat.Message(c, needField, &need, needFields)
	if err := need.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRequest, err)
	}
	q := newRequest(c.Next())
	if q == nil {
		return nil, fmt.Errorf("%w: kind %d", ErrUnknownRequest, c.Next())
	}
	wireformat.Message(c, q.number(), &q, requestFields)
	if err := c.Finish(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRequest, err)
	}
	if level := LevelOf(q); level > max(need.Level, release.First) {
		return nil, fmt.Errorf("%w: it is of level %d, and does not say so", ErrUnknownRequest, level)
	}
	return q, nil
}

func requestFields(q *Request, c *wireformat.Codec) { (*q).fields(c) }

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
	case 9:
		return &Endorse{}
	case 10:
		return &Recovered{}
	case 11:
		return &Activate{}
	case 12:
		return &MakeToken{}
	case 13:
		return &RevokeToken{}
	case 14:
		return &Note{}
	}
	return nil
}
