package chain

import (
	"math/bits"
	"strings"
)

// Field is a field of a record, or of a transaction as it is signed. Fields are
// numbered in the order in which they stand in the canonical text.
//
// To add one: its number here; its row in the table below; a member of Record and
// its case in Record.text, number, bytes or flag, by its unit. If it is asked for, a
// member of Transaction, its case in Transaction.Place, and its part of asRecord and
// asTransaction. Readers, writers, what is signed, which kinds have it, and whose
// histories the record is in all follow from the row, and field_test.go goes over
// all rows.
type Field uint8

// The fields. Those that somebody asks for are exported.
const (
	FieldAccount Field = iota
	FieldAmount
	fieldAmountBPSC
	fieldAmountReceive
	fieldAmountRefund
	fieldAmountSend
	fieldBPSC
	fieldChain
	FieldExpires
	FieldFrozen
	FieldHold
	FieldHoldUntil
	fieldID
	FieldKind
	fieldMembersAfter
	fieldMembersBefore
	FieldMemo
	FieldNewKey
	FieldNonce
	FieldPerDay
	FieldPerTransfer
	FieldPublicKey
	fieldReason
	FieldReceive
	FieldRecipient
	fieldRequest
	FieldSender
	FieldSignature
	fieldTime
	fieldCount
)

// unit is what the value of a field counts in: how it is written and read.
type unit uint8

// The units.
const (
	unitText      unit = iota // a string
	unitAmount                // in tokens
	unitSeconds               // a whole number
	unitMicros                // seconds with their places
	unitHash                  // 32 bytes in hex, an id or a key
	unitSignature             // 64
	unitBool
)

// field says all that is to be known of one field.
type field struct {
	name    string
	unit    unit
	pointed bool // at zero it is not the same as left out: it has a place only where it is there

	always kinds // of records that have it, at zero too
	may    kinds // of records that have it unless it is at zero

	needs kinds // of transactions that must have it
	takes kinds // of transactions that may have it
	apart bool  // a transaction has it, and what is signed has not

	// Whose history a record is in: a wallet's that this field names, in records
	// of the kinds. Such a field is text and stands before the sender, who ends
	// what a Mention looks at.
	role  Role
	names kinds
}

// fields is the table.
var fields = [fieldCount]field{
	FieldAccount:       {name: "account", unit: unitText, may: inRules, takes: inRules, role: RoleSubject, names: inRules},
	FieldAmount:        {name: "amount", unit: unitAmount, always: inIssue | inSpend | inBurn, needs: movesTokens},
	fieldAmountBPSC:    {name: "amount_bpsc", unit: unitAmount, always: delivers},
	fieldAmountReceive: {name: "amount_receive", unit: unitAmount, always: delivers},
	fieldAmountRefund:  {name: "amount_refund", unit: unitAmount, always: inRefund},
	fieldAmountSend:    {name: "amount_send", unit: unitAmount, always: delivers | inHold},
	fieldBPSC:          {name: "bpsc", unit: unitText, may: delivers | inSpend | inBurn, role: RoleSender, names: inSpend | inBurn},
	fieldChain:         {name: "chain", unit: unitHash, needs: asked},
	FieldExpires:       {name: "expires", unit: unitSeconds, always: vouched, needs: asked},
	FieldFrozen:        {name: "frozen", unit: unitBool, pointed: true, may: inRules, takes: inRules},
	FieldHold:          {name: "hold", unit: unitHash, may: inDelivery | inRefund, needs: inAccept | inReject},
	FieldHoldUntil:     {name: "hold_until", unit: unitSeconds, may: inHold | inRefund, needs: inHold},
	fieldID:            {name: "id", unit: unitHash, may: recorded},
	FieldKind:          {name: "kind", unit: unitText, may: signed, needs: asked},
	fieldMembersAfter:  {name: "members_after", unit: unitText, may: inRecovery},
	fieldMembersBefore: {name: "members_before", unit: unitText, may: inRecovery},
	FieldMemo:          {name: "memo", unit: unitText, pointed: true, may: delivers&^inDelivery | inHold | inRefund | inIssue | inSpend | inBurn, takes: movesTokens},
	FieldNewKey:        {name: "new_key", unit: unitHash, pointed: true, may: inRules, takes: inRules},
	FieldNonce:         {name: "nonce", unit: unitText, always: vouched, needs: asked},
	FieldPerDay:        {name: "per_day", unit: unitAmount, pointed: true, may: inRules, takes: inRules},
	FieldPerTransfer:   {name: "per_transfer", unit: unitAmount, pointed: true, may: inRules, takes: inRules},
	FieldPublicKey:     {name: "public_key", unit: unitHash, always: vouched, needs: asked, apart: true},
	fieldReason:        {name: "reason", unit: unitText, may: inRefund | inRecovery},
	FieldReceive:       {name: "receive", unit: unitText, pointed: true, may: inRules, takes: inRules},
	FieldRecipient:     {name: "recipient", unit: unitText, may: recorded &^ (inRules | inBurn | inRecovery), needs: movesTokens &^ inBurn, role: RoleRecipient, names: recorded},
	fieldRequest:       {name: "request", unit: unitText, may: inHold | inDelivery | inRefund},
	FieldSender:        {name: "sender", unit: unitText, always: recorded, needs: asked, role: RoleSender, names: recorded &^ inRecovery},
	FieldSignature:     {name: "signature", unit: unitSignature, always: vouched, needs: asked, apart: true},
	fieldTime:          {name: "time", unit: unitMicros, may: signed},
}

// kinds is a set of them. A kind's number goes into the rows of a store's
// histories: a new one comes behind those that records have.
type kinds uint16

const (
	inNone kinds = 1 << iota // the tutorial's own records have no kind
	inTransfer
	inHold
	inDelivery
	inRefund
	inIssue
	inRules
	inSpend
	inBurn
	inRecovery
	inAccept // asked for only
	inReject
	inUnknown // as number says; its records have the fields that are set

	recorded    = inAccept - 1 | inUnknown
	signed      = recorded &^ inNone
	vouched     = signed &^ inRecovery // by a signature, but for what the machine does by itself
	delivers    = inNone | inTransfer | inDelivery
	movesTokens = inTransfer | inHold | inIssue | inSpend | inBurn
	asked       = movesTokens | inAccept | inReject | inRules
)

// kindNames are the kinds by their numbers.
var kindNames = [...]Kind{"", Transfer, Hold, Delivery, Refund, Issue, Rules, Spend, Burn, Recovery, Accept, Reject}

// number is that of k in kindNames, or of inUnknown.
func (k Kind) number() int {
	for n, name := range kindNames {
		if k == name {
			return n
		}
	}
	return len(kindNames)
}

// RecordKinds is how many kinds records are of, the tutorial's none included.
const RecordKinds = 10

// RecordNumber is the number of a record's kind, below RecordKinds; 0 for none, and
// for what no record is of.
func (k Kind) RecordNumber() int {
	if n := k.number(); n < RecordKinds {
		return n
	}
	return 0
}

// String is the field's name.
func (f Field) String() string { return fields[f].name }

// IsAmount tells whether f is in tokens, of as many decimals as the contract has.
func (f Field) IsAmount() bool { return fields[f].unit == unitAmount }

// fieldNamed is the field of that name.
func fieldNamed(name string) (f Field, known bool) {
	if len(name) < len(layout.byLength) {
		for _, f := range layout.byLength[len(name)] {
			if fields[f].name == name {
				return f, true
			}
		}
	}
	return 0, false
}

// AskedField is the field of that name, if a transaction may have it.
func AskedField(name string) (f Field, known bool) {
	f, known = fieldNamed(name)
	return f, known && layout.asked.Has(f)
}

// Asks are the fields that a transaction of the kind needs, and those that it may
// have beside them; it needs none if there is no such kind.
func (k Kind) Asks() (needs, takes FieldSet) {
	s := &layout.shapes[k.number()]
	return s.needs & layout.asked, s.takes
}

// FieldSet is a set of fields.
type FieldSet uint32

// Set is f alone.
func (f Field) Set() FieldSet { return 1 << f }

// Has tells whether f is in s.
func (s FieldSet) Has(f Field) bool { return s>>f&1 != 0 }

func (s *FieldSet) add(f Field, is bool) {
	if is {
		*s |= f.Set()
	}
}

// first is the first of the fields in s, which is not empty.
func (s FieldSet) first() Field { return Field(bits.TrailingZeros32(uint32(s))) }

// String lists the names of the fields.
func (s FieldSet) String() string {
	var names []string
	for ; s != 0; s &= s - 1 {
		names = append(names, s.first().String())
	}
	return strings.Join(names, ", ")
}

// shape is what the table says of one kind.
type shape struct {
	fields       FieldSet // of a record
	always       FieldSet // of those, what stands there at zero too
	needs, takes FieldSet // of a transaction
}

// layout is what readers and writers look up in the table, made from it once.
var layout = newLayout()

type layoutTable struct {
	units    [fieldCount]unit
	keys     [32]string                // as they stand in canonical text: `, "name": `
	shapes   [len(kindNames) + 1]shape // by the kind's number
	signed   FieldSet                  // what is signed: the payload's fields
	asked    FieldSet                  // what a transaction may have
	byLength [16][]Field               // by their names'
	pointed  FieldSet
	common   FieldSet                     // what every transaction must have
	named    [len(kindNames) + 1][]naming // whom records name, but for the sender
	senders  [len(kindNames) + 1]bool     // whether that is a wallet
}

func newLayout() (l layoutTable) {
	for i := range fields {
		f, row := Field(i), &fields[i]
		recorded, sent := row.always|row.may != 0, row.needs|row.takes != 0
		l.units[f], l.keys[f] = row.unit, `, "`+row.name+`": `
		l.byLength[len(row.name)] = append(l.byLength[len(row.name)], f)
		l.pointed.add(f, row.pointed)
		l.signed.add(f, sent && !row.apart)
		l.asked.add(f, sent && f != fieldChain)
		l.common.add(f, row.needs == asked)
		for n := range l.shapes {
			s, in := &l.shapes[n], kinds(1)<<n
			s.fields.add(f, (row.always|row.may)&in != 0 || in == inUnknown && recorded)
			s.always.add(f, row.always&in != 0 || row.pointed)
			s.needs.add(f, row.needs&in != 0)
			s.takes.add(f, row.takes&in != 0)
			if f == FieldSender {
				l.senders[n] = row.names&in != 0
				continue
			}
			if row.names&in != 0 && s.fields.Has(f) {
				l.named[n] = append(l.named[n], naming{field: f, key: row.name + `": "`, early: f < FieldKind, role: row.role})
			}
		}
	}
	return l
}
