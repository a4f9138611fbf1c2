package chain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/bpsc/bpsc/chain/pyjson"
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

// What only a record can be: how a hold, or a transfer that failed, ended.
const (
	Delivery Kind = "delivery"
	Refund   Kind = "refund"
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

// Receive is how a wallet takes what is sent to it.
type Receive string

// The ways to receive.
const (
	ReceiveAuto    Receive = "auto"    // at once
	ReceiveApprove Receive = "approve" // its owner accepts each delivery
	ReceiveClosed  Receive = "closed"  // nothing; it goes back to the sender
)

// SigningDomain begins the bytes that are signed, so that no signature made
// for something else is one of ours.
const SigningDomain = "bpsc/tx/v1\n"

// AppendSigned appends the bytes that t's signature is over: SigningDomain and
// the canonical JSON of what is asked for, which names the chain by its id.
func (t *Transaction) AppendSigned(dst []byte, chainID Hash, decimals int) []byte {
	dst = append(dst, SigningDomain...)
	w := objectWriter{buf: dst, decimals: decimals}
	if p := t.Rules; p != nil && p.Account != "" {
		w.text("account", p.Account)
	}
	if t.Kind != Rules && t.Kind != Accept && t.Kind != Reject {
		w.amount("amount", t.Amount)
	}
	w.hash("chain", chainID)
	w.seconds("expires", t.Auth.Expires)
	t.Rules.writeFrozen(&w)
	if !t.Hold.IsZero() {
		w.hash("hold", t.Hold)
	}
	if t.HoldUntil != 0 {
		w.seconds("hold_until", t.HoldUntil)
	}
	w.text("kind", string(t.Kind))
	if t.Memo != "" {
		w.text("memo", t.Memo)
	}
	t.Rules.writeKey(&w)
	w.text("nonce", t.Auth.Nonce)
	t.Rules.writeLimits(&w)
	t.Rules.writeReceive(&w)
	if t.Recipient != "" {
		w.text("recipient", t.Recipient)
	}
	w.text("sender", t.Sender)
	return w.end()
}

// SignedID is the id of a signed transaction: the SHA-256 of what is signed.
func SignedID(signed []byte) ID { return sha256.Sum256(signed) }

// ExpiryID is the id of the refund that the machine itself makes of a hold
// that nobody decided in time.
func ExpiryID(hold ID) ID {
	return sha256.Sum256(append([]byte("bpsc/expiry/v1\n"), hold[:]...))
}

// The parts of a change stand apart in a sorted object; each writes its own.
func (p *RulesChange) writeFrozen(w *objectWriter) {
	if p != nil && p.Frozen != nil {
		w.flag("frozen", *p.Frozen)
	}
}

func (p *RulesChange) writeKey(w *objectWriter) {
	if p != nil && p.NewKey != nil {
		w.hash("new_key", Hash(*p.NewKey))
	}
}

func (p *RulesChange) writeLimits(w *objectWriter) {
	if p != nil && p.PerDay != nil {
		w.amount("per_day", *p.PerDay)
	}
	if p != nil && p.PerTransfer != nil {
		w.amount("per_transfer", *p.PerTransfer)
	}
}

func (p *RulesChange) writeReceive(w *objectWriter) {
	if p != nil && p.Receive != nil {
		w.text("receive", string(*p.Receive))
	}
}

// objectWriter writes the members of a canonical object, which come in order.
type objectWriter struct {
	buf      []byte
	decimals int
	begun    bool
}

func (w *objectWriter) key(name string) {
	if w.begun {
		w.buf = append(w.buf, `, "`...)
	} else {
		w.buf = append(w.buf, `{"`...)
		w.begun = true
	}
	w.buf = append(append(w.buf, name...), `": `...)
}

func (w *objectWriter) text(name, value string) {
	w.key(name)
	w.buf = pyjson.AppendString(w.buf, value)
}

func (w *objectWriter) amount(name string, a Amount) {
	w.key(name)
	w.buf = AppendAmount(w.buf, a, w.decimals)
}

func (w *objectWriter) seconds(name string, s Seconds) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, int64(s), 10)
}

func (w *objectWriter) timestamp(name string, t Micros) {
	w.key(name)
	w.buf = AppendTimestamp(w.buf, t)
}

func (w *objectWriter) hash(name string, h Hash) { w.hex(name, h[:]) }

func (w *objectWriter) hex(name string, b []byte) {
	w.key(name)
	w.buf = append(hex.AppendEncode(append(w.buf, '"'), b), '"')
}

func (w *objectWriter) flag(name string, v bool) {
	w.key(name)
	w.buf = strconv.AppendBool(w.buf, v)
}

func (w *objectWriter) end() []byte { return append(w.buf, '}') }

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
	return ValidateMemo(t.Memo)
}

// ValidateMemo checks a memo's length and encoding.
func ValidateMemo(memo string) error {
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
	recipient, amount, hold, until, rules := false, false, false, false, false
	switch t.Kind {
	case Transfer, Issue, Spend:
		recipient, amount = true, true
	case Hold:
		recipient, amount, until = true, true, true
	case Accept, Reject:
		hold = true
	case Rules:
		rules = true
	case Burn:
		amount = true
	default:
		return fmt.Errorf("%w: %q", KindInvalid, t.Kind)
	}
	switch {
	case recipient != (t.Recipient != ""):
		return fmt.Errorf("%w: recipient, in a transaction of kind %q", InvalidField, t.Kind)
	case t.Amount != 0 && !amount:
		return fmt.Errorf("%w: amount, in a transaction of kind %q", InvalidField, t.Kind)
	case hold != !t.Hold.IsZero():
		return fmt.Errorf("%w: hold, in a transaction of kind %q", InvalidField, t.Kind)
	case until != (t.HoldUntil != 0):
		return fmt.Errorf("%w: hold_until, in a transaction of kind %q", InvalidField, t.Kind)
	case rules != (t.Rules != nil):
		return fmt.Errorf("%w: a change of rules, in a transaction of kind %q", InvalidField, t.Kind)
	case t.Memo != "" && (hold || rules):
		return fmt.Errorf("%w: memo, in a transaction of kind %q", InvalidField, t.Kind)
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
