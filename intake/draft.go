package intake

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Draft is a transaction as the client wrote it. It is complete only once the
// contract is known, which may stand behind it in the body.
type Draft struct {
	sender, recipient, memo string
	amount                  string // the text of the number
	key                     string // of an item in a batch
	have, null              fields // null are those of have that say nothing
	lenient                 bool   // the tutorial's clients may send fields that mean nothing here
	signed                  *signedDraft
	fault
}

// scanField reads the value of one key. It returns an error only when the text
// is not JSON; a field of the wrong kind is noted and skipped, so that the
// other items of a batch can still be read.
func (d *Draft) scanField(s *pyjson.Scanner, key string) (known bool, err error) {
	switch key {
	case "sender":
		d.have |= fieldSender
		err = d.text(s, key, &d.sender)
	case "recipient":
		d.have |= fieldRecipient
		err = d.text(s, key, &d.recipient)
	case "amount":
		d.have |= fieldAmount
		err = d.number(s, key, &d.amount)
	case "memo":
		err = d.optional(s, key, &d.memo)
	default:
		return d.scanSignedField(s, key)
	}
	return true, err
}

// transaction checks all that can be known without the ledger's state, so that
// nothing is ordered that could have been refused here. The id is not set, and
// the signature not looked at.
func (d *Draft) transaction(contract *chain.Contract) (chain.Transaction, error) {
	if contract.Wallets == chain.SignedWallets {
		return d.signedTransaction(contract)
	}
	tx, err := d.openTransaction(contract)
	if err == nil {
		err = checkTransaction(contract, &tx)
	}
	return tx, err
}

func (d *Draft) openTransaction(contract *chain.Contract) (tx chain.Transaction, err error) {
	if err := d.checkOpenKind(); err != nil {
		return tx, err
	}
	if err := d.have.lack(openFields); err != nil {
		return tx, err
	}
	if d.err != nil {
		return tx, d.err
	}
	if signed := d.have &^ (openFields | fieldKind | d.nothing()); signed != 0 {
		return tx, fmt.Errorf("%w: %s, in a contract in which nothing is signed", chain.InvalidField, signed)
	}
	tx = chain.Transaction{Sender: d.sender, Recipient: d.recipient, Memo: d.memo}
	tx.Amount, err = chain.ParseAmount(d.amount, contract.Decimals)
	return tx, err
}

// nothing are the fields that the tutorial's clients may leave empty.
func (d *Draft) nothing() fields {
	if !d.lenient {
		return 0
	}
	return d.null
}

// checkOpenKind refuses what an open contract cannot do.
func (d *Draft) checkOpenKind() error {
	switch x := d.signed; {
	case d.have&fieldKind == 0 || x == nil:
		return nil
	case x.err != nil:
		return x.err
	case x.kind != string(chain.Transfer):
		return fmt.Errorf("%w: an open contract knows transfers only, not %q", chain.KindInvalid, Echo(x.kind))
	}
	return nil
}

// checkTransaction is what the ledger itself will check without its state.
func checkTransaction(contract *chain.Contract, tx *chain.Transaction) error {
	if err := tx.Validate(contract); err != nil {
		return err
	}
	switch tx.Kind {
	case "", chain.Transfer, chain.Hold:
		_, err := chain.NewTransfer(contract, tx) // the fee may leave nothing
		return err
	}
	return nil
}
