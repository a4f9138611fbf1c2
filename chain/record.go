package chain

import (
	"fmt"

	"github.com/bpsc/bpsc/chain/pyjson"
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
	Reason        Reason // of a refund
	Rules         *RulesChange
	Time          Micros // of a signed contract: machine time of the decision
	Request       Kind   // what was asked, where that is not Kind
	Auth          *Auth  // who asked; nil in open contracts and where the machine decided by itself
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

// moving tells which amounts stand in a record of kind k. The tutorial's own
// records have no kind.
func (k Kind) moving() (transfer, plain bool) {
	switch k {
	case "", Transfer, Delivery:
		return true, false
	case Issue, Spend, Burn:
		return false, true
	}
	return false, false
}

// AppendRecord appends the canonical text of r. Names must be valid UTF-8.
func AppendRecord(dst []byte, r *Record, decimals int) []byte {
	w := objectWriter{buf: dst, decimals: decimals}
	transfer, plain := r.Kind.moving()
	if r.Rules != nil && r.Rules.Account != "" {
		w.text("account", r.Rules.Account)
	}
	if plain {
		w.amount("amount", r.Amount)
	}
	if transfer {
		w.amount("amount_bpsc", r.AmountBPSC)
		w.amount("amount_receive", r.AmountReceive)
	}
	if r.Kind == Refund {
		w.amount("amount_refund", r.AmountRefund)
	}
	if transfer || r.Kind == Hold {
		w.amount("amount_send", r.AmountSend)
	}
	if r.BPSC != "" {
		w.text("bpsc", r.BPSC)
	}
	if r.Auth != nil {
		w.seconds("expires", r.Auth.Expires)
	}
	r.Rules.writeFrozen(&w)
	if !r.Hold.IsZero() {
		w.hash("hold", r.Hold)
	}
	if r.HoldUntil != 0 {
		w.seconds("hold_until", r.HoldUntil)
	}
	appendRecordRest(&w, r)
	return w.end()
}

// appendRecordRest writes the members from id on.
func appendRecordRest(w *objectWriter, r *Record) {
	if !r.ID.IsZero() {
		w.hash("id", r.ID)
	}
	if r.Kind != "" {
		w.text("kind", string(r.Kind))
	}
	if r.HasMemo {
		w.text("memo", r.Memo)
	}
	r.Rules.writeKey(w)
	if r.Auth != nil {
		w.text("nonce", r.Auth.Nonce)
	}
	r.Rules.writeLimits(w)
	if r.Auth != nil {
		w.hash("public_key", Hash(r.Auth.PublicKey))
	}
	if r.Reason != "" {
		w.text("reason", string(r.Reason))
	}
	r.Rules.writeReceive(w)
	if r.Recipient != "" {
		w.text("recipient", r.Recipient)
	}
	if r.Request != "" {
		w.text("request", string(r.Request))
	}
	w.text("sender", r.Sender)
	if r.Auth != nil {
		w.hex("signature", r.Auth.Signature[:])
	}
	if r.Time != 0 {
		w.timestamp("time", r.Time)
	}
}

// Transaction is what was asked for when r was decided, so that its signature
// can be checked and the decision made again. ok is false for what the machine
// decided by itself.
func (r *Record) Transaction() (t Transaction, ok bool) {
	t = Transaction{ID: r.ID, Kind: r.Kind, Sender: r.Sender, Recipient: r.Recipient, Memo: r.Memo, Rules: r.Rules, Auth: r.Auth}
	if r.Request != "" {
		t.Kind = r.Request
	}
	switch t.Kind {
	case Accept, Reject: // the recipient of the hold asked
		t.Sender, t.Recipient, t.Hold = r.Recipient, "", r.Hold
		return t, true
	case Hold:
		t.HoldUntil = r.HoldUntil
	case Refund: // of a hold that expired: nobody asked
		return t, false
	}
	t.Amount = max(r.Amount, r.AmountSend, r.AmountRefund) // one of them is set
	return t, true
}

// DecodeRecord reads the text of one record. It accepts any spelling of the
// JSON; whoever needs the canonical one encodes again and compares.
func DecodeRecord(text []byte, decimals int) (r Record, err error) {
	s := pyjson.NewScanner(text)
	err = scanRecord(s, &r, decimals)
	if err == nil {
		err = s.End()
	}
	return r, err
}
