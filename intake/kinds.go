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
type fields = chain.FieldSet

const (
	fieldKind        = fields(1) << chain.FieldKind
	fieldHold        = fields(1) << chain.FieldHold
	fieldAmount      = fields(1) << chain.FieldAmount
	fieldAccount     = fields(1) << chain.FieldAccount
	fieldPerTransfer = fields(1) << chain.FieldPerTransfer
	fieldPerDay      = fields(1) << chain.FieldPerDay

	openFields = fieldAmount | 1<<chain.FieldSender | 1<<chain.FieldRecipient
	allFields  = ^fields(0)
)

// missingOrder is the order in which a client hears of the fields that it left out;
// others come behind.
var missingOrder = [...]chain.Field{chain.FieldSender, chain.FieldAmount, chain.FieldRecipient, chain.FieldHold, chain.FieldHoldUntil,
	chain.FieldNonce, chain.FieldExpires, chain.FieldPublicKey, chain.FieldSignature}

// lack says which of the needed fields, the kind aside, draft has not.
func lack(have, needed fields) error {
	missing := needed &^ (have | fieldKind)
	if missing == 0 {
		return nil
	}
	var names []string
	for _, f := range missingOrder {
		if missing&f.Set() != 0 {
			names = append(names, f.String())
			missing &^= f.Set()
		}
	}
	if missing != 0 {
		names = append(names, missing.String())
	}
	return fmt.Errorf("%w: %s: %s", chain.MissingValues, MissingValues, strings.Join(names, ", "))
}
