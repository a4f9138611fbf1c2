package command

import (
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// The functions below list the fields of messages in command.proto, for writing
// and for reading. What is left out where it is empty, is so in old logs.

func transactionFields(t *chain.Transaction, c *wireformat.Codec) {
	c.Fixed(1, t.ID[:])
	c.Text(2, &t.Sender)
	c.Text(3, &t.Recipient)
	c.Int(4, (*int64)(&t.Amount))
	if c.Reading() || t.Memo != "" {
		c.Text(5, &t.Memo)
	}
	if !c.Reading() && t.Auth == nil {
		return // all else is of signed contracts
	}
	c.Text(6, (*string)(&t.Kind))
	if c.Reading() || t.HoldUntil != 0 {
		c.Int(7, (*int64)(&t.HoldUntil))
	}
	if c.Reading() || !t.Hold.IsZero() {
		c.Fixed(8, t.Hold[:])
	}
	if v := wireformat.Optional(c, 9, &t.Rules); v != nil {
		wireformat.Message(c, 9, v, rulesFields)
	}
	if v := wireformat.Optional(c, 10, &t.Auth); v != nil {
		wireformat.Message(c, 10, v, authFields)
	}
}

func rulesFields(p *chain.RulesChange, c *wireformat.Codec) {
	if v := wireformat.Optional(c, 1, &p.Receive); v != nil {
		c.Text(1, (*string)(v))
	}
	if v := wireformat.Optional(c, 2, &p.PerTransfer); v != nil {
		c.Int(2, (*int64)(v))
	}
	if v := wireformat.Optional(c, 3, &p.PerDay); v != nil {
		c.Int(3, (*int64)(v))
	}
	if v := wireformat.Optional(c, 4, &p.NewKey); v != nil {
		c.Fixed(4, v[:])
	}
	if c.Reading() || p.Account != "" {
		c.Text(5, &p.Account)
	}
	if v := wireformat.Optional(c, 6, &p.Frozen); v != nil {
		c.Bool(6, v)
	}
}

func authFields(a *chain.Auth, c *wireformat.Codec) {
	c.Text(1, &a.Nonce)
	c.Int(2, (*int64)(&a.Expires))
	c.Fixed(3, a.PublicKey[:])
	c.Fixed(4, a.Signature[:])
}
