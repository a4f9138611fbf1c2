package command

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// Numbers of the fields in command.proto.
const (
	txID        = 1
	txSender    = 2
	txRecipient = 3
	txAmount    = 4
	txMemo      = 5
	txKind      = 6
	txHoldUntil = 7
	txHold      = 8
	txRules     = 9
	txAuth      = 10

	rulesReceive     = 1
	rulesPerTransfer = 2
	rulesPerDay      = 3
	rulesNewKey      = 4
	rulesAccount     = 5
	rulesFrozen      = 6

	authNonce     = 1
	authExpires   = 2
	authPublicKey = 3
	authSignature = 4
)

func appendTransaction(b []byte, t *chain.Transaction) []byte {
	b = wireformat.AppendBytes(b, txID, t.ID[:])
	b = wireformat.AppendText(b, txSender, t.Sender)
	b = wireformat.AppendText(b, txRecipient, t.Recipient)
	b = wireformat.AppendUint(b, txAmount, uint64(t.Amount))
	if t.Memo != "" {
		b = wireformat.AppendText(b, txMemo, t.Memo)
	}
	if t.Auth == nil {
		return b
	}
	b = wireformat.AppendText(b, txKind, string(t.Kind))
	if t.HoldUntil != 0 {
		b = wireformat.AppendUint(b, txHoldUntil, uint64(t.HoldUntil))
	}
	if !t.Hold.IsZero() {
		b = wireformat.AppendBytes(b, txHold, t.Hold[:])
	}
	if t.Rules != nil {
		b = wireformat.AppendBytes(b, txRules, appendRules(nil, t.Rules))
	}
	var buf [192]byte
	return wireformat.AppendBytes(b, txAuth, appendAuth(buf[:0], t.Auth))
}

func readTransaction(r *wireformat.Reader, t *chain.Transaction) {
	for r.Next() {
		switch r.Number() {
		case txID:
			r.Fill(t.ID[:])
		case txSender:
			t.Sender = r.Text()
		case txRecipient:
			t.Recipient = r.Text()
		case txAmount:
			t.Amount = chain.Amount(r.Int())
		case txMemo:
			t.Memo = r.Text()
		case txKind:
			t.Kind = chain.Kind(r.Text())
		case txHoldUntil:
			t.HoldUntil = chain.Seconds(r.Int())
		case txHold:
			r.Fill(t.Hold[:])
		case txRules:
			t.Rules = &chain.RulesChange{}
			inner := wireformat.NewReader(r.Bytes())
			readRules(&inner, t.Rules)
			r.Done(&inner)
		case txAuth:
			t.Auth = &chain.Auth{}
			inner := wireformat.NewReader(r.Bytes())
			readAuth(&inner, t.Auth)
			r.Done(&inner)
		}
	}
}

func appendRules(b []byte, p *chain.RulesChange) []byte {
	if p.Receive != nil {
		b = wireformat.AppendText(b, rulesReceive, string(*p.Receive))
	}
	if p.PerTransfer != nil {
		b = wireformat.AppendUint(b, rulesPerTransfer, uint64(*p.PerTransfer))
	}
	if p.PerDay != nil {
		b = wireformat.AppendUint(b, rulesPerDay, uint64(*p.PerDay))
	}
	if p.NewKey != nil {
		b = wireformat.AppendBytes(b, rulesNewKey, p.NewKey[:])
	}
	if p.Account != "" {
		b = wireformat.AppendText(b, rulesAccount, p.Account)
	}
	if p.Frozen != nil {
		b = wireformat.AppendUint(b, rulesFrozen, protowire.EncodeBool(*p.Frozen))
	}
	return b
}

func readRules(r *wireformat.Reader, p *chain.RulesChange) {
	for r.Next() {
		switch r.Number() {
		case rulesReceive:
			p.Receive = new(chain.Receive(r.Text()))
		case rulesPerTransfer:
			p.PerTransfer = new(chain.Amount(r.Int()))
		case rulesPerDay:
			p.PerDay = new(chain.Amount(r.Int()))
		case rulesNewKey:
			p.NewKey = &chain.PublicKey{}
			r.Fill(p.NewKey[:])
		case rulesAccount:
			p.Account = r.Text()
		case rulesFrozen:
			p.Frozen = new(r.Bool())
		}
	}
}

func appendAuth(b []byte, a *chain.Auth) []byte {
	b = wireformat.AppendText(b, authNonce, a.Nonce)
	b = wireformat.AppendUint(b, authExpires, uint64(a.Expires))
	b = wireformat.AppendBytes(b, authPublicKey, a.PublicKey[:])
	return wireformat.AppendBytes(b, authSignature, a.Signature[:])
}

func readAuth(r *wireformat.Reader, a *chain.Auth) {
	for r.Next() {
		switch r.Number() {
		case authNonce:
			a.Nonce = r.Text()
		case authExpires:
			a.Expires = chain.Seconds(r.Int())
		case authPublicKey:
			r.Fill(a.PublicKey[:])
		case authSignature:
			r.Fill(a.Signature[:])
		}
	}
}
