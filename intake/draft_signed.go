package intake

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// signedDraft is what a draft has of the fields that only signed contracts
// know. Its faults are its own: an open contract refuses the fields whatever they
// hold.
type signedDraft struct {
	kind, nonce, receive, account string
	perTransfer, perDay           string // the texts of the numbers
	expires, holdUntil            chain.Seconds
	hold, publicKey, newKey       chain.Hash
	signature                     chain.Signature
	frozen                        bool
	fault
}

// scanSignedField reads the value of one key; see scanField.
func (d *Draft) scanSignedField(s *pyjson.Scanner, key string) (known bool, err error) {
	bit := signedField(key)
	if bit == 0 || bit == fieldKind && s.Peek() == pyjson.KindNull {
		return bit != 0, nil
	}
	d.have |= bit
	if s.Peek() == pyjson.KindNull {
		d.null |= bit
	}
	if d.signed == nil {
		d.signed = &signedDraft{}
	}
	x := d.signed
	switch bit {
	case fieldKind:
		err = x.text(s, key, &x.kind)
	case fieldNonce:
		err = x.text(s, key, &x.nonce)
	case fieldExpires:
		err = x.seconds(s, key, &x.expires)
	case fieldPublicKey:
		err = x.hash(s, key, &x.publicKey)
	case fieldSignature:
		err = x.fault.signature(s, key, &x.signature)
	case fieldHold:
		err = x.hash(s, key, &x.hold)
	case fieldHoldUntil:
		err = x.seconds(s, key, &x.holdUntil)
	default:
		err = x.scanRulesField(s, key, bit)
	}
	return true, err
}

func (x *signedDraft) scanRulesField(s *pyjson.Scanner, key string, bit fields) error {
	switch bit {
	case fieldReceive:
		return x.text(s, key, &x.receive)
	case fieldPerTransfer:
		return x.number(s, key, &x.perTransfer)
	case fieldPerDay:
		return x.number(s, key, &x.perDay)
	case fieldNewKey:
		return x.hash(s, key, &x.newKey)
	case fieldAccount:
		return x.text(s, key, &x.account)
	default: // fieldFrozen
		return x.flag(s, key, &x.frozen)
	}
}

// resolve makes the draft one that decides a hold, as the path says. A body that
// says so too does not disagree.
func (d *Draft) resolve(kind chain.Kind, hold chain.ID) {
	if d.signed == nil {
		d.signed = &signedDraft{}
	}
	x := d.signed
	switch {
	case d.have&fieldKind != 0 && x.kind != string(kind):
		d.note(fmt.Errorf("%w: the body and the path name different kinds", chain.InvalidField))
	case d.have&fieldHold != 0 && x.hold != hold:
		d.note(fmt.Errorf("%w: the body and the path name different holds", chain.InvalidField))
	}
	d.have |= fieldKind | fieldHold
	x.kind, x.hold = string(kind), hold
}

// signedField is the bit of a field that only signed contracts know, else 0.
func signedField(key string) fields {
	for bit, i := fieldKind, 3; bit < endOfFields; bit, i = bit<<1, i+1 {
		if fieldNames[i] == key {
			return bit
		}
	}
	return 0
}
