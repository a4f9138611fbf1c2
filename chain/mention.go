package chain

import (
	"bytes"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// Role is what a wallet is in a record, or a set of such. Stores write them into
// their rows.
type Role uint8

// The roles.
const (
	RoleSender    Role = 1 << iota // or the BPSC, where its wallet pays or burns
	RoleRecipient                  // also of what is not delivered yet
	RoleSubject                    // whom the issuer froze or freed
)

// naming is how a field that names a wallet begins in canonical text.
type naming struct {
	field Field
	key   string // without the quote before it: quotes are everywhere, and each costs a look
	early bool   // it stands before the kind
	role  Role
}

// Mention is whom a record names. It is valid until the text it was read from
// changes.
type Mention struct {
	Kind    int            // RecordNumber of the record's
	Wallets [3]NamedWallet // the sender, and others where there are
}

// NamedWallet is a wallet and what it is in a record; no name where there is none.
type NamedWallet struct {
	Name []byte
	Role Role
}

const (
	kindKey   = `kind": "`
	senderKey = `sender": "`
)

// Read finds the next record in canonical text, which may be that of a block
// from its first record on, and returns how many bytes to go on behind; 0 when there
// is none. Reading a record properly costs ten times as much, and every record of
// the chain comes through here.
//
// Every record has a sender, and keys are sorted: what stands between one record's
// sender and the next belongs to the next, but for what follows its sender.
func (m *Mention) Read(text []byte) int {
	*m = Mention{}
	at := keyAt(text, senderKey)
	if at < 0 {
		return 0
	}
	before := text[:at]
	early, late := before, before // of the kind
	if i := keyAt(before, kindKey); i >= 0 {
		kind, n := textAt(before, i+len(kindKey))
		m.Kind = Kind(kind).RecordNumber()
		early, late = before[:i], before[n:]
	}
	for i, name := range layout.named[m.Kind] {
		part := late
		if name.early {
			part = early
		}
		if at := keyAt(part, name.key); at >= 0 {
			value, _ := textAt(part, at+len(name.key))
			m.Wallets[1+i] = NamedWallet{value, name.role}
		}
	}
	value, n := textAt(text, at+len(senderKey))
	if layout.senders[m.Kind] {
		m.Wallets[0] = NamedWallet{value, RoleSender}
	}
	return n
}

// RoleOf is what a wallet is in the record; 0 where it does not concern it.
func (m *Mention) RoleOf(wallet string) (role Role) {
	for _, w := range m.Wallets {
		if len(w.Name) > 0 && string(w.Name) == wallet {
			role |= w.Role
		}
	}
	return role
}

// RoleOf is the same as a Mention's, read of r's text.
func (r *Record) RoleOf(wallet string) (role Role) {
	if wallet == "" {
		return 0
	}
	kind := r.Kind.RecordNumber()
	if r.Sender == wallet && layout.senders[kind] {
		role = RoleSender
	}
	for _, name := range layout.named[kind] {
		if r.parts()&name.field.Set() != 0 && *r.text(name.field) == wallet {
			role |= name.role
		}
	}
	return role
}

// keyAt finds a key of which one knows that its value is a string: only keys have a
// colon behind their quote, and one that begins with another letter has no quote
// before this one.
func keyAt(text []byte, key string) int {
	from := 0
	for {
		i := bytes.Index(text[from:], []byte(key))
		if i < 0 {
			return -1
		}
		if i += from; i > 0 && text[i-1] == '"' {
			return i
		}
		from = i + len(key)
	}
}

// textAt reads the string whose first byte is at start and returns where the
// text goes on behind it.
func textAt(text []byte, start int) (value []byte, n int) {
	end := start + max(0, bytes.IndexByte(text[start:], '"'))
	if bytes.IndexByte(text[start:end], '\\') < 0 {
		return text[start:end], end
	}
	s := pyjson.NewScanner(text[start-1:])
	unescaped, err := s.String()
	if err != nil {
		return nil, end // not canonical; nothing that was verified is
	}
	return []byte(unescaped), start - 1 + s.Offset()
}
