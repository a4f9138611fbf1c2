package intake

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// signedTransaction is transaction for a signed contract.
func (d *Draft) signedTransaction(contract *chain.Contract) (tx chain.Transaction, err error) {
	x := d.signed
	if x == nil {
		x = &signedDraft{}
	}
	kind, err := d.checkSigned(x)
	if err != nil {
		return tx, err
	}
	tx = chain.Transaction{Kind: kind, Sender: d.sender, Recipient: d.recipient, Memo: d.memo,
		HoldUntil: x.holdUntil, Hold: x.hold, Auth: &chain.Auth{Nonce: x.nonce, Expires: x.expires,
			PublicKey: chain.PublicKey(x.publicKey), Signature: x.signature}}
	if d.have&fieldAmount != 0 {
		if tx.Amount, err = chain.ParseAmount(d.amount, contract.Decimals); err != nil {
			return tx, err
		}
	}
	if kind == chain.Rules {
		if tx.Rules, err = x.rules(d.have, contract.Decimals); err != nil {
			return tx, err
		}
	}
	return tx, checkTransaction(contract, &tx)
}

// checkSigned checks that exactly the fields of the kind are there, each of
// the right form.
func (d *Draft) checkSigned(x *signedDraft) (chain.Kind, error) {
	kind := chain.Transfer
	if d.have&fieldKind != 0 {
		kind = chain.Kind(x.kind)
	}
	wrong := cmp.Or(d.err, x.err)
	of, known := kindFields[kind]
	if !known {
		return kind, cmp.Or(wrong, fmt.Errorf("%w: %q", chain.KindInvalid, Echo(x.kind)))
	}
	if err := d.have.lack(of.needs | authFields); err != nil {
		return kind, err
	}
	extra := d.have &^ (of.needs | of.takes | authFields | fieldKind)
	switch {
	case wrong != nil:
		return kind, wrong
	case d.key != "":
		return kind, fmt.Errorf("%w: %w", chain.InvalidField, errKeyOfSigned)
	case extra != 0:
		return kind, fmt.Errorf("%w: %s, in a transaction of kind %q", chain.InvalidField, extra, kind)
	}
	return kind, nil
}

// errKeyOfSigned is what whoever sends a key with a signed transaction is told.
var errKeyOfSigned = errors.New("a signed transaction takes no idempotency key: its id is the hash of what is signed")

// rules is the change that the given fields ask for.
func (x *signedDraft) rules(have fields, decimals int) (p *chain.RulesChange, err error) {
	p = &chain.RulesChange{Account: x.account}
	if have&fieldAccount != 0 {
		if err := chain.ValidateAddress("account", x.account); err != nil {
			return nil, err
		}
	}
	if have&fieldReceive != 0 {
		p.Receive = (*chain.Receive)(&x.receive)
	}
	if have&fieldNewKey != 0 {
		p.NewKey = (*chain.PublicKey)(&x.newKey)
	}
	if have&fieldFrozen != 0 {
		p.Frozen = &x.frozen
	}
	if have&fieldPerTransfer != 0 {
		if p.PerTransfer, err = parseLimit("per_transfer", x.perTransfer, decimals); err != nil {
			return nil, err
		}
	}
	if have&fieldPerDay != 0 {
		p.PerDay, err = parseLimit("per_day", x.perDay, decimals)
	}
	return p, err
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
