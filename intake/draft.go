package intake

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Draft is a transaction as the client wrote it. It is complete only once the
// contract is known, which may stand behind it in the body.
type Draft struct {
	Tx      chain.Transaction
	Drawn   string // the idempotency key, when the client gave none
	Refused error  // why it is not to be ordered

	key                         string // the client's
	amount, perTransfer, perDay string // the texts of the numbers: the contract says what they are worth
	have, null                  fields // null are those of have that say nothing
	lenient                     bool   // the tutorial's clients may send fields that mean nothing here

	fault        // of the fields that every contract knows
	signed fault // of the others: an open contract refuses them whatever they hold
}

// Keyed tells whether the client gave it an idempotency key.
func (d *Draft) Keyed() bool { return d.key != "" }

// scan reads the value of one key. It returns an error only when the text is not
// JSON; a field of the wrong kind is noted and skipped, so that the other items of
// a batch can still be read.
func (d *Draft) scan(s *pyjson.Scanner, key string) (known bool, err error) {
	switch key {
	case "sender":
		d.have |= chain.FieldSender.Set()
		err = d.text(s, key, &d.Tx.Sender)
	case "recipient":
		d.have |= chain.FieldRecipient.Set()
		err = d.text(s, key, &d.Tx.Recipient)
	case "amount":
		d.have |= fieldAmount
		err = d.number(s, key, &d.amount)
	case "memo":
		err = d.optional(s, key, &d.Tx.Memo)
	default:
		f, known := chain.AskedField(key)
		if !known || f == chain.FieldKind && s.Peek() == pyjson.KindNull {
			return known, nil
		}
		d.have |= f.Set()
		if s.Peek() == pyjson.KindNull {
			d.null |= f.Set()
		}
		err = d.scanSigned(s, key, f)
	}
	return true, err
}

// scanSigned reads a field that only signed contracts know.
func (d *Draft) scanSigned(s *pyjson.Scanner, key string, f chain.Field) error {
	x := &d.signed
	switch f {
	case chain.FieldKind:
		return x.text(s, key, (*string)(&d.Tx.Kind))
	case chain.FieldHold:
		return x.hash(s, key, &d.Tx.Hold)
	case chain.FieldHoldUntil:
		return x.seconds(s, key, &d.Tx.HoldUntil)
	case chain.FieldNonce:
		return x.text(s, key, &d.auth().Nonce)
	case chain.FieldExpires:
		return x.seconds(s, key, &d.auth().Expires)
	case chain.FieldPublicKey:
		return x.hash(s, key, (*chain.Hash)(&d.auth().PublicKey))
	case chain.FieldSignature:
		return x.signature(s, key, &d.auth().Signature)
	case chain.FieldReceive:
		d.rules().Receive = new(chain.Receive)
		return x.text(s, key, (*string)(d.Tx.Rules.Receive))
	case chain.FieldPerTransfer:
		return x.number(s, key, &d.perTransfer)
	case chain.FieldPerDay:
		return x.number(s, key, &d.perDay)
	case chain.FieldNewKey:
		d.rules().NewKey = new(chain.PublicKey)
		return x.hash(s, key, (*chain.Hash)(d.Tx.Rules.NewKey))
	case chain.FieldAccount:
		return x.text(s, key, &d.rules().Account)
	default: // frozen
		d.rules().Frozen = new(bool)
		return x.flag(s, key, d.Tx.Rules.Frozen)
	}
}

func (d *Draft) auth() *chain.Auth {
	if d.Tx.Auth == nil {
		d.Tx.Auth = &chain.Auth{}
	}
	return d.Tx.Auth
}

func (d *Draft) rules() *chain.RulesChange {
	if d.Tx.Rules == nil {
		d.Tx.Rules = &chain.RulesChange{}
	}
	return d.Tx.Rules
}

// resolve makes the draft one that decides a hold, as the path says. A body that
// says so too does not disagree.
func (d *Draft) resolve(kind chain.Kind, hold chain.ID) {
	switch {
	case d.have&fieldKind != 0 && d.Tx.Kind != kind:
		d.note(fmt.Errorf("%w: the body and the path name different kinds", chain.InvalidField))
	case d.have&fieldHold != 0 && d.Tx.Hold != hold:
		d.note(fmt.Errorf("%w: the body and the path name different holds", chain.InvalidField))
	}
	d.have |= fieldKind | fieldHold
	d.Tx.Kind, d.Tx.Hold = kind, hold
}

// complete makes the draft a transaction of a contract, and checks all that can
// be known without the ledger's state, so that nothing is ordered that could have
// been refused here. The id is not set, and the signature not looked at.
func (d *Draft) complete(c *chain.Contract) (err error) {
	if c.Wallets == chain.OpenWallets {
		err = d.completeOpen(c)
	} else {
		err = d.completeSigned(c)
	}
	if err != nil {
		return err
	}
	if err := d.Tx.Validate(c); err != nil {
		return err
	}
	switch d.Tx.Kind {
	case "", chain.Transfer, chain.Hold:
		_, err = chain.NewTransfer(c, &d.Tx) // the fee may leave nothing
	}
	return err
}

func (d *Draft) completeOpen(c *chain.Contract) (err error) {
	if d.have&fieldKind != 0 {
		switch {
		case d.signed.err != nil:
			return d.signed.err
		case d.Tx.Kind != chain.Transfer:
			return fmt.Errorf("%w: an open contract knows transfers only, not %q", chain.KindInvalid, Echo(string(d.Tx.Kind)))
		}
	}
	if err := lack(d.have, openFields); err != nil {
		return err
	}
	extra := d.have &^ (openFields | fieldKind)
	if d.lenient {
		extra &^= d.null // the tutorial's clients may leave them empty
	}
	switch {
	case d.err != nil:
		return d.err
	case extra != 0:
		return fmt.Errorf("%w: %s, in a contract in which nothing is signed", chain.InvalidField, extra)
	}
	d.Tx.Kind, d.Tx.Auth, d.Tx.Rules = "", nil, nil
	d.Tx.Amount, err = chain.ParseAmount(d.amount, c.Decimals)
	return err
}

// completeSigned checks that exactly the fields of the kind are there, each of
// the right form.
func (d *Draft) completeSigned(c *chain.Contract) (err error) {
	if d.have&fieldKind == 0 {
		d.Tx.Kind = chain.Transfer
	}
	wrong := cmp.Or(d.err, d.signed.err)
	needs, takes := d.Tx.Kind.Asks()
	if needs == 0 {
		return cmp.Or(wrong, fmt.Errorf("%w: %q", chain.KindInvalid, Echo(string(d.Tx.Kind))))
	}
	if err := lack(d.have, needs); err != nil {
		return err
	}
	extra := d.have &^ (needs | takes)
	switch {
	case wrong != nil:
		return wrong
	case d.key != "":
		return fmt.Errorf("%w: a signed transaction takes no idempotency key: its id is the hash of what is signed", chain.InvalidField)
	case extra != 0:
		return fmt.Errorf("%w: %s, in a transaction of kind %q", chain.InvalidField, extra, d.Tx.Kind)
	}
	if d.have&fieldAmount != 0 {
		if d.Tx.Amount, err = chain.ParseAmount(d.amount, c.Decimals); err != nil {
			return err
		}
	}
	if d.Tx.Kind == chain.Rules {
		return d.completeRules(c.Decimals)
	}
	return nil
}

func (d *Draft) completeRules(decimals int) (err error) {
	p := d.rules()
	if d.have&fieldAccount != 0 {
		if err := chain.ValidateAddress("account", p.Account); err != nil {
			return err
		}
	}
	if d.have&fieldPerTransfer != 0 {
		if p.PerTransfer, err = parseLimit("per_transfer", d.perTransfer, decimals); err != nil {
			return err
		}
	}
	if d.have&fieldPerDay != 0 {
		p.PerDay, err = parseLimit("per_day", d.perDay, decimals)
	}
	return err
}

// parseLimit reads an amount that may also be 0, for none.
func parseLimit(field, text string, decimals int) (*chain.Amount, error) {
	amount, err := chain.ParseAmount(text, decimals)
	if errors.Is(err, chain.AmountNotPositive) && !strings.HasPrefix(text, "-") {
		return new(chain.Amount), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, field)
	}
	return &amount, nil
}
