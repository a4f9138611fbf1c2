package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// missingValues is the tutorial's sentence, to the letter.
const missingValues = "Missing values"

// fields is a set of the fields a draft has.
type fields uint8

const (
	fieldSender fields = 1 << iota
	fieldAmount
	fieldRecipient

	requiredFields = fieldSender | fieldAmount | fieldRecipient
)

// draft is a transaction as the client wrote it. It is complete only once the
// contract is known, which may stand behind it in the body.
type draft struct {
	sender, recipient, memo string
	amount                  string // the text of the number
	key                     string // of an item in a batch
	have                    fields
	err                     error // the first field that is not what it must be
}

// scanField reads the value of one key. It returns an error only when the text
// is not JSON; a field of the wrong kind is noted and skipped, so that the
// other items of a batch can still be read.
func (d *draft) scanField(s *pyjson.Scanner, key string) (known bool, err error) {
	switch key {
	case "sender":
		d.have |= fieldSender
		err = d.text(s, key, &d.sender)
	case "recipient":
		d.have |= fieldRecipient
		err = d.text(s, key, &d.recipient)
	case "amount":
		d.have |= fieldAmount
		err = d.number(s)
	case "memo":
		err = d.optional(s, key, &d.memo)
	default:
		return false, nil
	}
	return true, err
}

func (d *draft) text(s *pyjson.Scanner, key string, dst *string) (err error) {
	if s.Peek() != pyjson.KindString {
		d.note(wrongKind(key, "a string"))
		return nil
	}
	*dst, err = s.String()
	return err
}

// optional is text that may also be null, which is the same as not there.
func (d *draft) optional(s *pyjson.Scanner, key string, dst *string) error {
	if s.Peek() == pyjson.KindNull {
		return nil
	}
	return d.text(s, key, dst)
}

// number keeps an amount as the text that stands in the body: a float would
// round it.
func (d *draft) number(s *pyjson.Scanner) (err error) {
	switch s.Peek() {
	case pyjson.KindNumber:
		d.amount, err = s.Number()
		if errors.Is(err, pyjson.ErrRange) {
			return fmt.Errorf("%w: it overflows a double", chain.AmountTooLarge)
		}
	case pyjson.KindString:
		d.amount, err = s.String()
	default:
		d.note(wrongKind("amount", "a number or a string that holds one"))
	}
	return err
}

// note keeps the first thing that is wrong.
func (d *draft) note(err error) {
	if d.err == nil {
		d.err = err
	}
}

// missing lists the required fields that are not there.
func (d *draft) missing() error {
	if d.have == requiredFields {
		return nil
	}
	var names []string
	for _, f := range [...]struct {
		bit  fields
		name string
	}{{fieldSender, "sender"}, {fieldAmount, "amount"}, {fieldRecipient, "recipient"}} {
		if d.have&f.bit == 0 {
			names = append(names, f.name)
		}
	}
	return withDetail(chain.MissingValues, missingValues+": "+strings.Join(names, ", "))
}

// transaction checks all that can be known without the ledger's state, so that
// nothing is ordered that could have been refused here. The id is not set.
func (d *draft) transaction(contract *chain.Contract) (chain.Transaction, error) {
	if err := d.missing(); err != nil {
		return chain.Transaction{}, err
	}
	if d.err != nil {
		return chain.Transaction{}, d.err
	}
	amount, err := chain.ParseAmount(d.amount, contract.Decimals)
	if err != nil {
		return chain.Transaction{}, err
	}
	tx := chain.Transaction{Sender: d.sender, Recipient: d.recipient, Amount: amount, Memo: d.memo}
	if err := tx.Validate(); err != nil {
		return chain.Transaction{}, err
	}
	_, err = chain.NewTransfer(contract, &tx) // the fee may leave nothing
	return tx, err
}
