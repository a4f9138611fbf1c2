package chain

import (
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// set puts something into a field that is in no other, and not at zero.
func set(r *Record, f Field) {
	r.makePlace(f)
	switch fields[f].unit {
	case unitText:
		*r.text(f) = "in " + f.String()
	case unitHash, unitSignature:
		b := r.bytes(f)
		b[0], b[len(b)-1] = byte(f)+1, 0xab
	case unitBool:
		*r.flag(f) = true
	default:
		*r.number(f) = int64(f) + 1_000_001
	}
}

// recordOf is a record of the kind with these fields and those it always has.
func recordOf(kind Kind, s FieldSet) Record {
	r := Record{}
	for s |= layout.shapes[kind.number()].always &^ layout.pointed &^ ofAuth; s != 0; s &= s - 1 {
		set(&r, s.first())
		if ofAuth>>s.first()&1 != 0 { // all or none
			for auth := ofAuth; auth != 0; auth &= auth - 1 {
				set(&r, auth.first())
			}
		}
	}
	r.Kind = kind
	return r
}

// memberText is how a field stands in a text.
func memberText(f Field) string {
	r := recordOf("gift", f.Set())
	if f == FieldKind {
		return `"kind": "gift"`
	}
	text := string(AppendRecord(nil, &r, 6))
	from := strings.Index(text, `"`+f.String()+`": `)
	end := strings.Index(text[from:], `, "`)
	if end < 0 {
		end = len(text) - 1 - from
	}
	return text[from : from+end]
}

var recordKinds = kindNames[:RecordKinds]

func recordFields() (s FieldSet) {
	for i, row := range fields {
		if row.always|row.may != 0 {
			s |= Field(i).Set()
		}
	}
	return s
}

func TestTheTableIsInOrder(t *testing.T) {
	require.True(t, slices.IsSortedFunc(fields[:], func(a, b field) int { return strings.Compare(a.name, b.name) }))
	for i, row := range fields {
		require.NotEmpty(t, row.name, i)
		require.Equal(t, row.names != 0, row.role != 0, row.name)
		if row.names != 0 {
			require.Equal(t, unitText, row.unit, row.name)
			require.LessOrEqual(t, row.name, "sender", "a mention ends with the sender")
		}
		require.Zero(t, row.always&row.may, row.name)
		require.Zero(t, row.needs&row.takes, row.name)
	}
	require.Equal(t, len(kindNames), Kind("gift").number())
	require.Equal(t, RecordKinds, Accept.number(), "kinds of records come first")
}

// All that a Record holds is in the table.
func TestEveryFieldOfARecordIsInTheTable(t *testing.T) {
	r := recordOf("gift", recordFields())
	for _, v := range []any{r, *r.Auth, *r.Rules} {
		for i := range reflect.TypeOf(v).NumField() {
			require.False(t, reflect.ValueOf(v).Field(i).IsZero(), "%T.%s", v, reflect.TypeOf(v).Field(i).Name)
		}
	}
}

// fill puts something into every member of a struct, and returns how many there are.
func fill(v reflect.Value) (n int) {
	for i := range v.NumField() {
		m := v.Field(i)
		if m.Kind() == reflect.Pointer {
			m.Set(reflect.New(m.Type().Elem()))
			m = m.Elem()
		}
		switch m.Kind() {
		case reflect.Struct:
			n += fill(m)
			continue
		case reflect.String:
			m.SetString("s")
		case reflect.Int64:
			m.SetInt(7)
		case reflect.Bool:
			m.SetBool(true)
		default:
			m.Index(0).SetUint(7)
		}
		n++
	}
	return n
}

// All that a Transaction holds is in the table, and reaches what is signed.
func TestEveryMemberOfATransactionIsInTheTable(t *testing.T) {
	var tx Transaction
	members := fill(reflect.ValueOf(&tx).Elem())
	require.Equal(t, members-1, bits.OnesCount32(uint32(layout.asked)), "the id aside")
	back, err := DecodeTransaction(AppendTransaction(nil, &tx, 6), 6)
	require.NoError(t, err)
	back.ID = tx.ID
	require.Equal(t, tx, back)
	var r Record
	tx.asRecord(&r)
	signed := string(tx.AppendSigned(nil, Hash{1}, 6))
	for s := layout.asked; s != 0; s &= s - 1 {
		f := s.first()
		require.True(t, r.has(f, false), f)
		require.Equal(t, !fields[f].apart, strings.Contains(signed, `"`+f.String()+`": `), f)
	}
}

func TestEveryFieldOfEveryKindRoundTrips(t *testing.T) {
	for _, kind := range recordKinds {
		for s := layout.shapes[kind.number()].fields; s != 0; s &= s - 1 {
			f := s.first()
			r := recordOf(kind, f.Set())
			text := AppendRecord(nil, &r, 6)
			require.Contains(t, string(text), `"`+f.String()+`": `, kind)
			canonical, err := pyjson.Canonical(text)
			require.NoError(t, err)
			require.Equal(t, string(canonical), string(text))

			got, err := DecodeRecord(text, 6)
			require.NoError(t, err, "%s of %q", f.String(), kind)
			require.Equal(t, r, got)
			var scanned, read Record
			require.NoError(t, scanRecord(pyjson.NewScanner(text), &scanned, 6))
			require.Equal(t, r, scanned)
			reader := recordReader{text: text, decimals: 6}
			end, ok := reader.read(0, &read)
			require.True(t, ok)
			require.Equal(t, len(text), end)
			require.Equal(t, r, read)
		}
	}
}

func TestAFieldOutsideItsKindIsRefused(t *testing.T) {
	for _, kind := range recordKinds {
		bare := recordOf(kind, 0)
		text := string(AppendRecord(nil, &bare, 6))
		for s := recordFields() &^ layout.shapes[kind.number()].fields &^ FieldKind.Set(); s != 0; s &= s - 1 {
			f := s.first()
			r := recordOf(kind, f.Set())
			require.Equal(t, text, string(AppendRecord(nil, &r, 6)), "%s of %q is not written", f.String(), kind)
			_, err := DecodeRecord([]byte("{"+memberText(f)+", "+text[1:]), 6)
			require.ErrorIs(t, err, InvalidField)
			require.ErrorContains(t, err, f.String())
		}
	}
}

func TestATransactionHasExactlyTheFieldsOfItsKind(t *testing.T) {
	inRecord := func(kind Kind, s FieldSet) Transaction {
		var r Record
		for s |= ofAuth; s != 0; s &= s - 1 {
			set(&r, s.first())
		}
		if kind == Rules && r.Rules == nil {
			r.Rules = &RulesChange{}
		}
		return Transaction{Kind: kind, Sender: "s", Recipient: r.Recipient, Amount: r.Amount, Memo: r.Memo, HoldUntil: r.HoldUntil,
			Hold: r.Hold, Rules: r.Rules, Auth: r.Auth}
	}
	of := layout.signed &^ layout.common // the fields that a kind is told by
	for n, kind := range kindNames {
		shape := layout.shapes[n]
		if shape.needs == 0 {
			plain := inRecord(kind, 0)
			require.ErrorIs(t, plain.validateShape(), KindInvalid)
			continue
		}
		needs := shape.needs & of
		good := inRecord(kind, needs)
		require.NoError(t, good.validateShape(), kind)
		for s := of; s != 0; s &= s - 1 {
			f := s.first()
			more := inRecord(kind, needs|f.Set())
			err := more.validateShape()
			if (shape.needs|shape.takes)&f.Set() != 0 {
				require.NoError(t, err, "%s of %q", f.String(), kind)
			} else {
				require.ErrorIs(t, err, InvalidField, "%s of %q", f.String(), kind)
			}
			signed := string(more.AppendSigned(nil, Hash{1}, 6))
			require.Contains(t, signed, `"`+f.String()+`": `, "whatever is set is signed")
			if less := inRecord(kind, needs&^f.Set()); needs&f.Set() != 0 && f != FieldAmount {
				require.ErrorIs(t, less.validateShape(), InvalidField, "%s of %q", f.String(), kind)
			}
		}
	}
}

// A key that begins or ends like another is not that other, wherever it stands.
func TestAKeyLikeAnotherIsNobodysMention(t *testing.T) {
	for _, name := range []string{"kind", "sender", "recipient", "account", "bpsc"} {
		for _, key := range []string{"x_" + name, "x " + name, name + "_x", "a" + name} {
			for _, kind := range recordKinds[1:] {
				r := recordOf(kind, layout.shapes[kind.number()].fields)
				r.Request = ""
				text := string(AppendRecord(nil, &r, 6))
				var members []string
				for s := layout.shapes[kind.number()].fields &^ fieldRequest.Set(); s != 0; s &= s - 1 {
					m := memberText(s.first())
					if s.first() == FieldKind {
						m = fmt.Sprintf(`"kind": %q`, kind)
					}
					members = append(members, m)
				}
				require.Equal(t, text, "{"+strings.Join(members, ", ")+"}")
				members = append(members, fmt.Sprintf(`"%s": "burn"`, key))
				slices.Sort(members)
				strange := "{" + strings.Join(members, ", ") + "}"

				var want, got Mention
				require.NotZero(t, want.Read([]byte(text)))
				n := got.Read([]byte(strange))
				require.Equal(t, want, got, "%s in %q", key, kind)
				require.Zero(t, got.Read([]byte(strange[n:])), "%s in %q is no record more", key, kind)
			}
		}
	}
}

// Histories of text and of records are the same.
func TestAMentionIsWhomTheRecordNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		if r.Rules != nil {
			r.Rules.Account = rapid.SampledFrom([]string{"", "alice", "b"}).Draw(t, "account")
		}
		var m Mention
		text := AppendRecord(nil, &r, 6)
		require.NotZero(t, m.Read(text))
		require.Equal(t, r.Kind.RecordNumber(), m.Kind)
		for _, wallet := range []string{"", "alice", "b", r.Sender, r.Recipient, r.BPSC} {
			require.Equal(t, r.RoleOf(wallet), m.RoleOf(wallet), "%q in %s", wallet, text)
		}
	})
}

// Whatever somebody may ask for is found by its name and has a place of its unit.
func TestEveryFieldThatIsAskedForHasItsPlace(t *testing.T) {
	for i, row := range fields {
		f, ok := AskedField(row.name)
		require.Equal(t, row.needs|row.takes != 0 && Field(i) != fieldChain, ok, row.name)
		if !ok {
			require.Nil(t, new(Transaction).Place(Field(i)), row.name)
			continue
		}
		tx := Transaction{}
		want := map[unit]any{unitText: new(string), unitAmount: new(Amount), unitSeconds: new(Seconds),
			unitHash: new(Hash), unitSignature: new(Signature), unitBool: new(bool)}[row.unit]
		require.IsType(t, want, tx.Place(f), row.name)
		// What is put there is what the record of it has.
		set := reflect.ValueOf(tx.Place(f)).Elem()
		switch set.Kind() {
		case reflect.String:
			set.SetString("x")
		case reflect.Int64:
			set.SetInt(7)
		case reflect.Bool:
			set.SetBool(true)
		default:
			set.Index(0).SetUint(7)
		}
		var r Record
		tx.asRecord(&r)
		require.True(t, r.parts().Has(f) && r.has(f, false), row.name)
	}
	_, ok := AskedField("gift")
	require.False(t, ok)
}
