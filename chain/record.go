package chain

import (
	"fmt"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// Kind says what a record did.
type Kind string

// Transfer moves tokens from the sender through the BPSC to the recipient in
// one step.
const Transfer Kind = "transfer"

// Transaction is what a client submits to an open contract.
type Transaction struct {
	ID        ID
	Sender    string
	Recipient string
	Amount    Amount
	Memo      string
}

// Validate checks what can be known without the ledger's state.
func (t Transaction) Validate() error {
	if err := ValidateName("sender", t.Sender); err != nil {
		return err
	}
	if err := ValidateName("recipient", t.Recipient); err != nil {
		return err
	}
	if t.Amount < 1 || t.Amount > MaxUnits {
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

// Record is what the BPSC decided, as it stands in a block. Fields that do
// not apply to its kind are left at zero and out of the text.
type Record struct {
	Kind          Kind
	ID            ID
	BPSC          string
	Sender        string
	Recipient     string
	AmountSend    Amount
	AmountBPSC    Amount // the fee
	AmountReceive Amount
	Memo          string
	HasMemo       bool // an empty memo is not the same text as none
}

// NewTransfer is the record that a transaction becomes under c, or the reason
// it cannot become one whatever the balances are.
func NewTransfer(c *Contract, t *Transaction) (Record, error) {
	fee := Fee(t.Amount, c.FeePPM)
	if fee >= t.Amount {
		return Record{}, fmt.Errorf("%w: the fee would leave the recipient nothing", AmountTooSmall)
	}
	return Record{
		Kind: Transfer, ID: t.ID, BPSC: c.BPSC, Sender: t.Sender, Recipient: t.Recipient,
		AmountSend: t.Amount, AmountBPSC: fee, AmountReceive: t.Amount - fee,
		Memo: t.Memo, HasMemo: t.Memo != "",
	}, nil
}

// AppendRecord appends the canonical text of r. Names must be valid UTF-8.
func AppendRecord(dst []byte, r *Record, decimals int) []byte {
	dst = AppendAmount(append(dst, `{"amount_bpsc": `...), r.AmountBPSC, decimals)
	dst = AppendAmount(append(dst, `, "amount_receive": `...), r.AmountReceive, decimals)
	dst = AppendAmount(append(dst, `, "amount_send": `...), r.AmountSend, decimals)
	dst = pyjson.AppendString(append(dst, `, "bpsc": `...), r.BPSC)
	if !r.ID.IsZero() {
		dst = append(r.ID.AppendHex(append(dst, `, "id": "`...)), '"')
	}
	if r.Kind != "" {
		dst = pyjson.AppendString(append(dst, `, "kind": `...), string(r.Kind))
	}
	if r.HasMemo {
		dst = pyjson.AppendString(append(dst, `, "memo": `...), r.Memo)
	}
	dst = pyjson.AppendString(append(dst, `, "recipient": `...), r.Recipient)
	dst = pyjson.AppendString(append(dst, `, "sender": `...), r.Sender)
	return append(dst, '}')
}

// DecodeRecord reads the text of one record. It accepts any spelling of the
// JSON; whoever needs the canonical one encodes again and compares.
func DecodeRecord(text []byte, decimals int) (Record, error) {
	s := pyjson.NewScanner(text)
	r, err := scanRecord(s, decimals)
	if err == nil {
		err = s.End()
	}
	return r, err
}

func scanRecord(s *pyjson.Scanner, decimals int) (r Record, err error) {
	err = s.Object(func(key string) (err error) {
		switch key {
		case "amount_bpsc":
			r.AmountBPSC, err = scanAmount(s, decimals)
		case "amount_receive":
			r.AmountReceive, err = scanAmount(s, decimals)
		case "amount_send":
			r.AmountSend, err = scanAmount(s, decimals)
		case "bpsc":
			r.BPSC, err = s.String()
		case "id":
			r.ID, err = scanHash(s)
		case "kind":
			err = scanText(s, &r.Kind)
		case "memo":
			r.HasMemo = true
			r.Memo, err = s.String()
		case "recipient":
			r.Recipient, err = s.String()
		case "sender":
			r.Sender, err = s.String()
		default:
			err = unknownKey(key)
		}
		return inField(key, err)
	})
	return r, err
}

// scanAmount reads an amount of a record, which unlike a client's may be
// nothing.
func scanAmount(s *pyjson.Scanner, decimals int) (Amount, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	return parseUnits(text, decimals)
}

func scanHash(s *pyjson.Scanner) (Hash, error) {
	text, err := s.String()
	if err != nil {
		return Hash{}, err
	}
	return ParseHash(text)
}
