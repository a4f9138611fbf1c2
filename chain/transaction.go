package chain

import (
	"crypto/sha256"
	"fmt"
)

// Kind says what a transaction asks for, or what a record did.
type Kind string

// What a transaction may ask for. Open contracts know Transfer only.
const (
	Transfer Kind = "transfer" // sender -> BPSC -> recipient in one step
	Hold     Kind = "hold"     // the same once the recipient accepts, or back at an expiry
	Accept   Kind = "accept"   // the recipient takes a hold
	Reject   Kind = "reject"   // the recipient sends a hold back
	Rules    Kind = "rules"    // an owner's rules for a wallet, or the issuer's freeze
	Issue    Kind = "issue"    // the issuer creates tokens
	Spend    Kind = "spend"    // the treasurer pays held fees to somebody
	Burn     Kind = "burn"     // the treasurer destroys held fees
)

// What only a record can be: how a hold, or a transfer that failed, ended, and where a
// cluster that had lost its majority was made to go on.
const (
	Delivery Kind = "delivery"
	Refund   Kind = "refund"
	Recovery Kind = "recovery" // of open contracts as well
)

// Transaction is what a client submits. Which fields apply depends on its
// kind; a signed contract needs those of the signature on all.
type Transaction struct {
	ID        ID
	Kind      Kind // "" in an open contract: a transfer
	Sender    string
	Recipient string
	Amount    Amount
	Memo      string
	HoldUntil Seconds // of a hold: when it goes back
	Hold      ID      // of accept and reject: the hold's id
	Rules     *RulesChange
	Auth      *Auth // nil in an open contract
}

// RulesChange says what of a wallet's rules changes. What is nil stays.
type RulesChange struct {
	Receive     *Receive // how the wallet takes what is sent to it
	PerTransfer *Amount  // most the wallet sends at once; 0: no limit
	PerDay      *Amount  // most the wallet sends in a UTC day; 0: no limit
	NewKey      *PublicKey
	Account     string // of a freeze: whose wallet; else ""
	Frozen      *bool  // of a freeze
}

// Place is where the value of a field that somebody asks for belongs: a *string,
// *Amount, *Seconds, *Hash, *Signature or *bool. It makes the part of t that it is
// in, and the field is there from then on.
func (t *Transaction) Place(f Field) any {
	switch set := f.Set(); {
	case set&ofAuth != 0 && t.Auth == nil:
		t.Auth = &Auth{}
	case set&ofRules != 0 && t.Rules == nil:
		t.Rules = &RulesChange{}
	}
	switch f {
	case FieldAccount:
		return &t.Rules.Account
	case FieldAmount:
		return &t.Amount
	case FieldExpires:
		return &t.Auth.Expires
	case FieldFrozen:
		t.Rules.Frozen = new(bool)
		return t.Rules.Frozen
	case FieldHold:
		return &t.Hold
	case FieldHoldUntil:
		return &t.HoldUntil
	case FieldKind:
		return (*string)(&t.Kind)
	case FieldMemo:
		return &t.Memo
	case FieldNewKey:
		t.Rules.NewKey = new(PublicKey)
		return (*Hash)(t.Rules.NewKey)
	case FieldNonce:
		return &t.Auth.Nonce
	case FieldPerDay:
		t.Rules.PerDay = new(Amount)
		return t.Rules.PerDay
	case FieldPerTransfer:
		t.Rules.PerTransfer = new(Amount)
		return t.Rules.PerTransfer
	case FieldPublicKey:
		return (*Hash)(&t.Auth.PublicKey)
	case FieldReceive:
		t.Rules.Receive = new(Receive)
		return (*string)(t.Rules.Receive)
	case FieldRecipient:
		return &t.Recipient
	case FieldSender:
		return &t.Sender
	case FieldSignature:
		return &t.Auth.Signature
	}
	return nil
}

// Receive is how a wallet takes what is sent to it.
type Receive string

// The ways to receive.
const (
	ReceiveAuto    Receive = "auto"    // at once
	ReceiveApprove Receive = "approve" // its owner accepts each delivery
	ReceiveClosed  Receive = "closed"  // nothing; it goes back to the sender
)

// signingDomain begins the bytes that are signed, so that no signature made
// for something else is one of ours.
const signingDomain = "bpsc/tx/v1\n"

// AppendSigned appends the bytes that t's signature is over: signingDomain and
// the canonical JSON of what is asked for, which names the chain by its id.
func (t *Transaction) AppendSigned(dst []byte, chainID Hash, decimals int) []byte {
	dst = append(dst, signingDomain...)
	var r Record
	t.asRecord(&r)
	r.ID = chainID
	// Whatever is set: nothing is asked for that is not signed.
	return appendFields(dst, &r, layout.signed, layout.shapes[t.Kind.number()].needs|fieldChain.Set()|layout.pointed, decimals)
}

// asRecord makes r, which is empty, one with the fields of t, but for the id.
func (t *Transaction) asRecord(r *Record) {
	r.Kind, r.Sender, r.Recipient, r.Amount = t.Kind, t.Sender, t.Recipient, t.Amount
	r.Memo, r.HasMemo = t.Memo, t.Memo != ""
	r.HoldUntil, r.Hold, r.Rules, r.Auth = t.HoldUntil, t.Hold, t.Rules, t.Auth
}

// asTransaction is the other way round.
func (r *Record) asTransaction() Transaction {
	return Transaction{Kind: r.Kind, Sender: r.Sender, Recipient: r.Recipient, Amount: r.Amount, Memo: r.Memo,
		HoldUntil: r.HoldUntil, Hold: r.Hold, Rules: r.Rules, Auth: r.Auth}
}

// SignedID is the id of a signed transaction: the SHA-256 of what is signed.
func SignedID(signed []byte) ID { return sha256.Sum256(signed) }

// ExpiryID is the id of the refund that the machine itself makes of a hold
// that nobody decided in time.
func ExpiryID(hold ID) ID {
	return sha256.Sum256(append([]byte("bpsc/expiry/v1\n"), hold[:]...))
}

// Validate checks of t what can be known without the ledger's state and
// without looking at its signature.
func (t *Transaction) Validate(c *Contract) error {
	if c.Wallets == OpenWallets {
		return t.validateOpen()
	}
	return t.validateSigned(c)
}

func (t *Transaction) validateOpen() error {
	if t.Kind != "" && t.Kind != Transfer {
		return fmt.Errorf("%w: an open contract knows transfers only, not %q", KindInvalid, t.Kind)
	}
	if err := ValidateName("sender", t.Sender); err != nil {
		return err
	}
	if err := ValidateName("recipient", t.Recipient); err != nil {
		return err
	}
	return t.validateValue()
}

func (t *Transaction) validateValue() error {
	if t.Amount < 1 {
		return AmountNotPositive
	}
	if t.Amount > MaxUnits {
		return AmountTooLarge
	}
	return validateMemo(t.Memo)
}

// validateMemo checks a memo's length and encoding.
func validateMemo(memo string) error {
	if len(memo) > MaxMemoBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", MemoTooLong, len(memo), MaxMemoBytes)
	}
	return validUTF8("memo", memo)
}

func (t *Transaction) validateSigned(c *Contract) error {
	if err := ValidateAddress("sender", t.Sender); err != nil {
		return err
	}
	if t.Auth == nil {
		return fmt.Errorf("%w: nonce, expires, public_key and signature are needed in a signed contract", MissingValues)
	}
	if t.Sender == c.BPSC {
		return fmt.Errorf("%w: nobody signs for the BPSC", AddressInvalid)
	}
	if !validNonce(t.Auth.Nonce) {
		return fmt.Errorf("%w: 32 lower-case hex digits are expected", NonceInvalid)
	}
	if !t.Auth.Expires.Within() {
		return fmt.Errorf("%w: expires is a time in unix seconds", ExpiresInvalid)
	}
	return t.validateKind(c)
}

func (t *Transaction) validateKind(c *Contract) error {
	if err := t.validateShape(); err != nil {
		return err
	}
	switch t.Kind {
	case Transfer, Hold, Issue, Spend:
		if err := ValidateAddress("recipient", t.Recipient); err != nil {
			return err
		}
		if t.Recipient == c.BPSC {
			return fmt.Errorf("%w: nobody could ever spend from the BPSC's wallet", AddressInvalid)
		}
		if t.Recipient == t.Sender && t.Kind != Issue {
			return fmt.Errorf("%w: sender and recipient are the same", OwnAccount)
		}
		return t.validateValue()
	case Burn:
		return t.validateValue()
	case Rules:
		return t.Rules.validate()
	}
	return nil
}

// validateShape checks that exactly the fields of the kind are there: another
// one would be signed and mean nothing.
func (t *Transaction) validateShape() error {
	s := &layout.shapes[t.Kind.number()]
	if s.needs == 0 {
		return fmt.Errorf("%w: %q", KindInvalid, t.Kind)
	}
	if (t.Kind == Rules) != (t.Rules != nil) {
		return fmt.Errorf("%w: a change of rules, in a transaction of kind %q", InvalidField, t.Kind)
	}
	var has FieldSet
	var r Record
	t.asRecord(&r)
	for rest := layout.signed & r.parts() &^ layout.common; rest != 0; rest &= rest - 1 {
		if f := rest.first(); r.has(f, layout.pointed>>f&1 != 0) {
			has |= f.Set()
		}
	}
	has |= s.needs & (FieldAmount.Set() | layout.common) // refused elsewhere, for what is wrong with them
	if wrong := has&^(s.needs|s.takes) | s.needs&^has; wrong != 0 {
		return fmt.Errorf("%w: %s, in a transaction of kind %q", InvalidField, wrong, t.Kind)
	}
	return nil
}

func (p *RulesChange) validate() error {
	freeze := p.Account != "" || p.Frozen != nil
	own := p.Receive != nil || p.PerTransfer != nil || p.PerDay != nil || p.NewKey != nil
	switch {
	case !freeze && !own:
		return fmt.Errorf("%w: it changes nothing", RulesInvalid)
	case freeze && (own || p.Account == "" || p.Frozen == nil):
		return fmt.Errorf("%w: a freeze has account and frozen and nothing else", RulesInvalid)
	case freeze:
		return ValidateAddress("account", p.Account)
	case p.Receive != nil && *p.Receive != ReceiveAuto && *p.Receive != ReceiveApprove && *p.Receive != ReceiveClosed:
		return fmt.Errorf("%w: receive is auto, approve or closed", RulesInvalid)
	case p.NewKey != nil && p.NewKey.IsZero():
		return fmt.Errorf("%w: new_key is no key", RulesInvalid)
	}
	for _, limit := range []*Amount{p.PerTransfer, p.PerDay} {
		if limit != nil && (*limit < 0 || *limit > MaxUnits) {
			return fmt.Errorf("%w: a limit is 0 for none, or an amount", RulesInvalid)
		}
	}
	return nil
}

func validNonce(s string) bool {
	if len(s) != 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
