package chain

import (
	"fmt"
)

// Record is what the BPSC decided, as it stands in a block. Fields that do
// not apply to its kind are left at zero and out of the text.
type Record struct {
	Kind          Kind
	ID            ID
	BPSC          string
	Sender        string // whose tokens they were, or who asked
	Recipient     string
	Amount        Amount // of issue, spend and burn
	AmountSend    Amount
	AmountBPSC    Amount // the fee
	AmountReceive Amount
	AmountRefund  Amount // everything that was sent, fee included
	Memo          string
	HasMemo       bool // an empty memo is not the same text as none
	Hold          ID   // of delivery and refund: the hold they end
	HoldUntil     Seconds
	Reason        Reason // of a refund; of a recovery, in the words of who did it
	Rules         *RulesChange
	Time          Micros // of a signed contract: machine time of the decision
	Request       Kind   // what was asked, where that is not Kind
	MembersBefore string // of a recovery: identities of the members, see NewRecovery
	MembersAfter  string
	Auth          *Auth // who asked; nil in open contracts and where the machine decided by itself
}

// Auth is what makes a signed transaction the sender's own: everything needed
// to build the signed bytes again and to check the signature over them.
type Auth struct {
	Nonce     string  // 32 hex digits, drawn at random
	Expires   Seconds // last moment to apply it; at that moment it is too late
	PublicKey PublicKey
	Signature Signature
}

// Reason says why tokens went back.
type Reason string

// The reasons of refunds.
const (
	Rejected       Reason = "rejected"        // by the recipient
	HoldExpired    Reason = "expired"         // nobody decided in time
	WalletClosed   Reason = "closed"          // the recipient takes nothing
	WalletFrozen   Reason = "frozen"          // the recipient's wallet is frozen
	RecipientLimit Reason = "recipient_limit" // the balance would leave its range
)

// NewTransfer is the record that a transfer becomes under c when nothing is in
// its way, or the reason it cannot become one whatever the balances are.
func NewTransfer(c *Contract, t *Transaction) (Record, error) {
	fee := Fee(t.Amount, c.FeePPM)
	if fee >= t.Amount {
		return Record{}, fmt.Errorf("%w: the fee would leave the recipient nothing", AmountTooSmall)
	}
	return Record{
		Kind: Transfer, ID: t.ID, BPSC: c.BPSC, Sender: t.Sender, Recipient: t.Recipient,
		AmountSend: t.Amount, AmountBPSC: fee, AmountReceive: t.Amount - fee,
		Memo: t.Memo, HasMemo: t.Memo != "", Auth: t.Auth,
	}, nil
}

// Where r keeps a field, by its unit; nil where a pointed one is left out. r must have
// the part of it that the field is of, see parts. What is asked for, see asRecord,
// has the chain's id in place of its own.
func (r *Record) text(f Field) *string {
	switch f {
	case FieldAccount:
		return &r.Rules.Account
	case fieldBPSC:
		return &r.BPSC
	case FieldKind:
		return (*string)(&r.Kind)
	case fieldMembersAfter:
		return &r.MembersAfter
	case fieldMembersBefore:
		return &r.MembersBefore
	case FieldMemo:
		return &r.Memo
	case FieldNonce:
		return &r.Auth.Nonce
	case fieldReason:
		return (*string)(&r.Reason)
	case FieldReceive:
		return (*string)(r.Rules.Receive)
	case FieldRecipient:
		return &r.Recipient
	case fieldRequest:
		return (*string)(&r.Request)
	case FieldSender:
		return &r.Sender
	}
	return nil
}

func (r *Record) number(f Field) *int64 {
	switch f {
	case FieldAmount:
		return (*int64)(&r.Amount)
	case fieldAmountBPSC:
		return (*int64)(&r.AmountBPSC)
	case fieldAmountReceive:
		return (*int64)(&r.AmountReceive)
	case fieldAmountRefund:
		return (*int64)(&r.AmountRefund)
	case fieldAmountSend:
		return (*int64)(&r.AmountSend)
	case FieldExpires:
		return (*int64)(&r.Auth.Expires)
	case FieldHoldUntil:
		return (*int64)(&r.HoldUntil)
	case FieldPerDay:
		return (*int64)(r.Rules.PerDay)
	case FieldPerTransfer:
		return (*int64)(r.Rules.PerTransfer)
	case fieldTime:
		return (*int64)(&r.Time)
	}
	return nil
}

func (r *Record) bytes(f Field) []byte {
	switch f {
	case FieldHold:
		return r.Hold[:]
	case fieldID, fieldChain:
		return r.ID[:]
	case FieldNewKey:
		if key := r.Rules.NewKey; key != nil {
			return key[:]
		}
	case FieldPublicKey:
		return r.Auth.PublicKey[:]
	case FieldSignature:
		return r.Auth.Signature[:]
	}
	return nil
}

func (r *Record) flag(f Field) *bool {
	switch f {
	case FieldFrozen:
		return r.Rules.Frozen
	}
	return nil
}

// The fields that only a part of a Record has room for.
const (
	ofAuth  FieldSet = 1<<FieldExpires | 1<<FieldNonce | 1<<FieldPublicKey | 1<<FieldSignature
	ofRules FieldSet = 1<<FieldAccount | 1<<FieldFrozen | 1<<FieldNewKey | 1<<FieldPerDay | 1<<FieldPerTransfer | 1<<FieldReceive
	ofMemo  FieldSet = 1 << FieldMemo
)

// parts are the fields that r has places for.
func (r *Record) parts() FieldSet {
	s := ^FieldSet(0)
	if r.Auth == nil {
		s &^= ofAuth
	}
	if r.Rules == nil {
		s &^= ofRules
	}
	if !r.HasMemo {
		s &^= ofMemo
	}
	return s
}

// makePlace makes r have a place for a field that is read.
func (r *Record) makePlace(f Field) {
	switch set := f.Set(); {
	case set&ofAuth != 0 && r.Auth == nil:
		r.Auth = &Auth{}
	case set&ofRules != 0 && r.Rules == nil:
		r.Rules = &RulesChange{}
	}
	switch f {
	case FieldFrozen:
		r.Rules.Frozen = new(bool)
	case FieldMemo:
		r.HasMemo = true
	case FieldNewKey:
		r.Rules.NewKey = new(PublicKey)
	case FieldPerDay:
		r.Rules.PerDay = new(Amount)
	case FieldPerTransfer:
		r.Rules.PerTransfer = new(Amount)
	case FieldReceive:
		r.Rules.Receive = new(Receive)
	}
}

// has tells whether r, of whose parts f is, has anything in f that must stand in a
// text; always, whether it stands there at zero.
func (r *Record) has(f Field, always bool) bool {
	switch layout.units[f] {
	case unitText:
		p := r.text(f)
		return p != nil && (always || *p != "")
	case unitHash, unitSignature:
		b := r.bytes(f)
		return b != nil && (always || !allZero(b))
	case unitBool:
		p := r.flag(f)
		return p != nil && (always || *p)
	default:
		p := r.number(f)
		return p != nil && (always || *p != 0)
	}
}

// AppendRecord appends the canonical text of r: the fields of its kind. Names must be
// valid UTF-8.
func AppendRecord(dst []byte, r *Record, decimals int) []byte {
	s := &layout.shapes[r.Kind.number()]
	return appendFields(dst, r, s.fields, s.always, decimals)
}

// Transaction is what was asked for when r was decided, so that its signature
// can be checked and the decision made again. ok is false for what the machine
// decided by itself.
func (r *Record) Transaction() (t Transaction, ok bool) {
	t = r.asTransaction()
	t.ID = r.ID
	if r.Request != "" {
		t.Kind = r.Request
	}
	if t.Kind != Hold {
		t.HoldUntil = 0 // where the recipient's rules made a hold of it, the contract says until when
	}
	switch t.Kind {
	case Accept, Reject: // the recipient of the hold asked
		t.Sender, t.Recipient = r.Recipient, ""
	case Refund, Recovery: // the refund of a hold that expired: nobody asked
		return t, false
	default:
		t.Amount = max(r.Amount, r.AmountSend, r.AmountRefund) // one of them is set
	}
	return t, true
}
