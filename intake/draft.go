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

	key        string         // the client's
	beside     bool           // it came beside the body
	numbers    [3]number      // no kind has more
	have, null chain.FieldSet // null are those of have that say nothing; a memo, which may always be left out, is in neither
	lenient    bool           // the tutorial's clients may send fields that mean nothing here

	fault        // of the fields that every contract knows
	signed fault // of the others: an open contract refuses them whatever they hold
}

// number is an amount as the text that stands in the body: the contract says what
// it is worth.
type number struct {
	text  string
	field chain.Field
	given bool
}

// Keyed tells whether the client gave it an idempotency key.
func (d *Draft) Keyed() bool { return d.key != "" }

// scan reads the value of one key. It returns an error only when the text is not
// JSON; a field of the wrong kind is noted and skipped, so that the other items of
// a batch can still be read.
func (d *Draft) scan(s *pyjson.Scanner, key string) (known bool, err error) {
	f, known := chain.AskedField(key)
	if !known {
		return false, nil
	}
	null := s.Peek() == pyjson.KindNull
	if null && (f == chain.FieldMemo || f == chain.FieldKind) {
		return true, nil // the same as not there
	}
	x := &d.fault
	if !(openFields | chain.FieldMemo.Set()).Has(f) {
		x = &d.signed
		if null {
			d.null |= f.Set()
		}
	}
	if f != chain.FieldMemo {
		d.have |= f.Set()
	}
	switch place := d.Tx.Place(f).(type) {
	case *string:
		err = x.text(s, key, place)
	case *chain.Amount:
		err = x.number(s, key, d.number(f))
	case *chain.Seconds:
		err = x.seconds(s, key, place)
	case *chain.Hash:
		err = x.hash(s, key, place)
	case *chain.Signature:
		err = x.signature(s, key, place)
	case *bool:
		err = x.flag(s, key, place)
	}
	return true, err
}

// number is where the text of an amount is kept.
func (d *Draft) number(f chain.Field) *string {
	i := 0
	for d.numbers[i].given {
		i++
	}
	d.numbers[i].field, d.numbers[i].given = f, true
	return &d.numbers[i].text
}

// resolve makes the draft one that decides a hold, as the path says. A body that
// says so too does not disagree.
func (d *Draft) resolve(kind chain.Kind, hold chain.ID) {
	switch {
	case d.have.Has(chain.FieldKind) && d.Tx.Kind != kind:
		d.note(fmt.Errorf("%w: the body and the path name different kinds", chain.InvalidField))
	case d.have.Has(chain.FieldHold) && d.Tx.Hold != hold:
		d.note(fmt.Errorf("%w: the body and the path name different holds", chain.InvalidField))
	}
	d.have |= chain.FieldKind.Set() | chain.FieldHold.Set()
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
	if err == nil && d.beside && d.Tx.Auth != nil {
		err = errKeyOfSigned
	}
	return err
}

// errKeyOfSigned is what whoever sends a key with a signed transaction is told.
var errKeyOfSigned = fmt.Errorf("%w: a signed transaction takes no idempotency key: its id is the hash of what is signed", chain.InvalidField)

func (d *Draft) completeOpen(c *chain.Contract) error {
	if d.have.Has(chain.FieldKind) {
		switch {
		case d.signed.err != nil:
			return d.signed.err
		case d.Tx.Kind != chain.Transfer:
			return fmt.Errorf("%w: an open contract knows transfers only, not %q", chain.KindInvalid, Echo(string(d.Tx.Kind)))
		}
	}
	if err := d.lacks(openFields); err != nil {
		return err
	}
	extra := d.have &^ (openFields | chain.FieldKind.Set())
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
	return d.completeAmounts(c.Decimals)
}

// completeSigned checks that exactly the fields of the kind are there, each of
// the right form.
func (d *Draft) completeSigned(c *chain.Contract) error {
	if !d.have.Has(chain.FieldKind) {
		d.Tx.Kind = chain.Transfer
	}
	wrong := cmp.Or(d.err, d.signed.err)
	needs, takes := d.Tx.Kind.Asks()
	if needs == 0 {
		return cmp.Or(wrong, fmt.Errorf("%w: %q", chain.KindInvalid, Echo(string(d.Tx.Kind))))
	}
	if err := d.lacks(needs); err != nil {
		return err
	}
	extra := d.have &^ (needs | takes)
	switch {
	case wrong != nil:
		return wrong
	case d.key != "" && !d.beside:
		return errKeyOfSigned
	case extra != 0:
		return fmt.Errorf("%w: %s, in a transaction of kind %q", chain.InvalidField, extra, d.Tx.Kind)
	}
	if d.Tx.Kind == chain.Rules && d.Tx.Rules == nil {
		d.Tx.Rules = &chain.RulesChange{}
	}
	if d.have.Has(chain.FieldAccount) {
		if err := chain.ValidateAddress("account", d.Tx.Rules.Account); err != nil {
			return err
		}
	}
	return d.completeAmounts(c.Decimals)
}

// completeAmounts reads the amounts. A limit may also be 0, for none.
func (d *Draft) completeAmounts(decimals int) error {
	for _, n := range d.numbers {
		if !n.given || d.null.Has(n.field) {
			continue
		}
		amount, err := chain.ParseAmount(n.text, decimals)
		switch limit := n.field != chain.FieldAmount; {
		case limit && errors.Is(err, chain.AmountNotPositive) && !strings.HasPrefix(n.text, "-"):
			amount = 0
		case err != nil && limit:
			return fmt.Errorf("%w (%s)", err, n.field)
		case err != nil:
			return err
		}
		*d.Tx.Place(n.field).(*chain.Amount) = amount
	}
	return nil
}

// openFields are those that a transaction of an open contract needs.
const openFields chain.FieldSet = 1<<chain.FieldSender | 1<<chain.FieldAmount | 1<<chain.FieldRecipient

// allFields are all that a transaction may have, but for its kind.
const allFields = ^chain.FieldSet(1 << chain.FieldKind)

// missingOrder is the order in which a client hears of the fields that it left out;
// others come behind.
var missingOrder = [...]chain.Field{chain.FieldSender, chain.FieldAmount, chain.FieldRecipient, chain.FieldHold, chain.FieldHoldUntil,
	chain.FieldNonce, chain.FieldExpires, chain.FieldPublicKey, chain.FieldSignature}

// lacks says which of the needed fields are not there, the kind aside.
func (d *Draft) lacks(needed chain.FieldSet) error {
	missing := needed &^ (d.have | chain.FieldKind.Set())
	if missing == 0 {
		return nil
	}
	var names []string
	for _, f := range missingOrder {
		if missing.Has(f) {
			names = append(names, f.String())
			missing &^= f.Set()
		}
	}
	if missing != 0 {
		names = append(names, missing.String())
	}
	return fmt.Errorf("%w: %s: %s", chain.MissingValues, MissingValues, strings.Join(names, ", "))
}

// MissingValues is the tutorial's sentence, to the letter.
const MissingValues = "Missing values"
