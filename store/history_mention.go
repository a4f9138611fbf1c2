package store

import (
	"bytes"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// mention is whom a record names, and its kind. It is valid until the text it
// was read from changes.
type mention struct {
	kind                       tags // shifted to its place
	sender, recipient, account []byte
	payer                      []byte // the BPSC, where its wallet pays or burns
}

// How the members begin in canonical text. A quote inside a string has a
// backslash before it, only keys have a colon behind, and no other key whose
// value is a string ends like these, so they stand nowhere else. They begin
// with a letter because quotes are everywhere, and each costs a look.
var (
	recordsKey   = []byte(`"transactions": [`)
	accountField = []byte(`account": "`)
	bpscField    = []byte(`bpsc": "`)
	kindField    = []byte(`kind": "`)
	toField      = []byte(`recipient": "`)
	fromField    = []byte(`sender": "`)
)

// records returns the text of a block from its first record on.
func records(canonical []byte) []byte {
	_, text, _ := bytes.Cut(canonical, recordsKey)
	return text
}

// read finds the next record in canonical text and returns how many bytes to
// go on behind; 0 when there is none. Reading a record properly costs ten times
// as much, and every record of the chain comes through here.
//
// Every record has a sender, and keys are sorted: what stands between one
// record's sender and the next belongs to the next, its signature aside.
func (m *mention) read(text []byte) int {
	*m = mention{}
	at := bytes.Index(text, fromField)
	if at < 0 {
		return 0
	}
	before := text[:at]
	kind := bytes.Index(before, kindField)
	rest := before
	if kind >= 0 {
		name, n := textAt(before, kind+len(kindField))
		m.kind = tags(kindNumber(string(name)) << roleBits)
		before, rest = before[:kind], before[n:]
	}
	m.recipient = field(rest, toField)
	switch kindNumbers[m.kind>>roleBits] {
	case chain.Rules:
		m.account = field(before, accountField)
	case chain.Spend, chain.Burn:
		m.payer = field(before, bpscField)
	}
	var n int
	m.sender, n = textAt(text, at+len(fromField))
	return n
}

// field returns the string of a member, nil when it is not there.
func field(text, name []byte) []byte {
	at := bytes.Index(text, name)
	if at < 0 {
		return nil
	}
	value, _ := textAt(text, at+len(name))
	return value
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

// tagsFor are the tags of the record for an account; no role when it does not
// concern it.
func (m *mention) tagsFor(account string) tags {
	t := m.kind
	if account == "" {
		return t // what a record does not name
	}
	if string(m.sender) == account || string(m.payer) == account {
		t |= senderRole
	}
	if string(m.recipient) == account {
		t |= recipientRole
	}
	if string(m.account) == account {
		t |= accountRole
	}
	return t
}

// mentionOf is the same as read of a record's text, from the record.
func mentionOf(r *chain.Record) mention {
	m := mention{
		kind:   tags(kindNumber(string(r.Kind)) << roleBits),
		sender: []byte(r.Sender), recipient: []byte(r.Recipient),
	}
	switch r.Kind {
	case chain.Rules:
		if r.Rules != nil {
			m.account = []byte(r.Rules.Account)
		}
	case chain.Spend, chain.Burn:
		m.payer = []byte(r.BPSC)
	}
	return m
}
