package intake

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// MissingValues is the tutorial's sentence, to the letter.
const MissingValues = "Missing values"

// fields is a set of the fields that a draft has. The memo, which may always be
// left out, is not among them.
type fields uint32

const (
	fieldSender fields = 1 << iota
	fieldAmount
	fieldRecipient
	fieldKind
	fieldHold
	fieldHoldUntil
	fieldReceive
	fieldPerTransfer
	fieldPerDay
	fieldNewKey
	fieldAccount
	fieldFrozen
	fieldNonce
	fieldExpires
	fieldPublicKey
	fieldSignature
	endOfFields

	allFields = endOfFields - 1

	openFields  = fieldSender | fieldAmount | fieldRecipient
	authFields  = fieldSender | fieldNonce | fieldExpires | fieldPublicKey | fieldSignature
	rulesFields = fieldReceive | fieldPerTransfer | fieldPerDay | fieldNewKey | fieldAccount | fieldFrozen
)

// fieldNames are the names of the fields in the order of their bits.
var fieldNames = [...]string{"sender", "amount", "recipient", "kind", "hold", "hold_until", "receive", "per_transfer",
	"per_day", "new_key", "account", "frozen", "nonce", "expires", "public_key", "signature"}

// kindFields says which fields each kind of transaction needs beside those of
// the signature. A change of rules takes any of its fields: see chain.RulesChange.
var kindFields = map[chain.Kind]struct{ needs, takes fields }{
	chain.Transfer: {needs: fieldRecipient | fieldAmount},
	chain.Hold:     {needs: fieldRecipient | fieldAmount | fieldHoldUntil},
	chain.Accept:   {needs: fieldHold},
	chain.Reject:   {needs: fieldHold},
	chain.Rules:    {takes: rulesFields},
	chain.Issue:    {needs: fieldRecipient | fieldAmount},
	chain.Spend:    {needs: fieldRecipient | fieldAmount},
	chain.Burn:     {needs: fieldAmount},
}

// fieldNamed is the bit of a field that only signed contracts know, else 0.
func fieldNamed(key string) fields {
	for bit, i := fieldKind, 3; bit < endOfFields; bit, i = bit<<1, i+1 {
		if fieldNames[i] == key {
			return bit
		}
	}
	return 0
}

// String lists the names of the fields.
func (f fields) String() string {
	var names []string
	for i, name := range fieldNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// lack says which of the needed fields are not there.
func (f fields) lack(needed fields) error {
	if missing := needed &^ f; missing != 0 {
		return fmt.Errorf("%w: %s: %s", chain.MissingValues, MissingValues, missing)
	}
	return nil
}
