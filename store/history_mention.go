package store

import (
	"bytes"

	"github.com/bpsc/bpsc/chain"
)

// tags are the roles that an account has in a record and the record's kind.
type tags byte

const (
	anyRole  = tags(chain.RoleSender | chain.RoleRecipient | chain.RoleSubject)
	roleBits = 3
)

// tagsOf are the tags of an account with that role in a record of that kind.
func tagsOf(kind int, role chain.Role) tags { return tags(kind)<<roleBits | tags(role) }

var recordsKey = []byte(`"transactions": [`)

// records returns the text of a block from its first record on.
func records(canonical []byte) []byte {
	_, text, _ := bytes.Cut(canonical, recordsKey)
	return text
}
