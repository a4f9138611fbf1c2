package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// SignedTransaction is a transaction of a signed contract as it is sent. It
// has the fields of its kind and no others; amounts are in tokens, the rest as
// it was signed.
type SignedTransaction struct {
	Contract    string         `json:"contract,omitempty"`
	Kind        chain.Kind     `json:"kind"`
	Sender      string         `json:"sender"`
	Recipient   string         `json:"recipient,omitempty"`
	Amount      json.Number    `json:"amount,omitempty"`
	Memo        string         `json:"memo,omitempty"`
	HoldUntil   chain.Seconds  `json:"hold_until,omitempty"`
	Hold        string         `json:"hold,omitempty"`
	Receive     *chain.Receive `json:"receive,omitempty"`
	PerTransfer json.Number    `json:"per_transfer,omitempty"`
	PerDay      json.Number    `json:"per_day,omitempty"`
	NewKey      string         `json:"new_key,omitempty"`
	Account     string         `json:"account,omitempty"`
	Frozen      *bool          `json:"frozen,omitempty"`
	Nonce       string         `json:"nonce"`
	Expires     chain.Seconds  `json:"expires"`
	PublicKey   string         `json:"public_key"`
	Signature   string         `json:"signature"`

	// ID is the hash of what was signed. It does not travel: the ledger
	// computes it, and Submit asks after it.
	ID chain.ID `json:"-"`
}

// ErrNotSigned: the transaction has no signature, or its id is not known.
var ErrNotSigned = errors.New("client: the transaction is not signed")

// NewSigned is how tx, which has been signed, is sent to the contract of that
// token.
func NewSigned(token string, decimals int, tx *chain.Transaction) (SignedTransaction, error) {
	if tx.Auth == nil || tx.ID.IsZero() {
		return SignedTransaction{}, ErrNotSigned
	}
	s := SignedTransaction{
		Contract: token, Kind: tx.Kind, Sender: tx.Sender, Recipient: tx.Recipient, Memo: tx.Memo,
		HoldUntil: tx.HoldUntil, Nonce: tx.Auth.Nonce, Expires: tx.Auth.Expires,
		PublicKey: chain.Hash(tx.Auth.PublicKey).String(), Signature: tx.Auth.Signature.String(), ID: tx.ID,
	}
	if tx.Amount != 0 {
		s.Amount = tokens(tx.Amount, decimals)
	}
	if !tx.Hold.IsZero() {
		s.Hold = tx.Hold.String()
	}
	if tx.Rules != nil {
		s.setRules(tx.Rules, decimals)
	}
	return s, nil
}

func (s *SignedTransaction) setRules(p *chain.RulesChange, decimals int) {
	s.Receive, s.Account, s.Frozen = p.Receive, p.Account, p.Frozen
	if p.PerTransfer != nil {
		s.PerTransfer = tokens(*p.PerTransfer, decimals)
	}
	if p.PerDay != nil {
		s.PerDay = tokens(*p.PerDay, decimals)
	}
	if p.NewKey != nil {
		s.NewKey = chain.Hash(*p.NewKey).String()
	}
}

func tokens(a chain.Amount, decimals int) json.Number {
	return json.Number(chain.AppendAmount(nil, a, decimals))
}

// Encode is the JSON of s: what is sent, and what is kept to be sent later.
func (s *SignedTransaction) Encode() ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return text.Bytes(), err
}

// ParseSigned reads what Encode wrote. It refuses keys that it does not know,
// as the ledger would. The ID stays unset: it takes the chain's id to know it.
func ParseSigned(text []byte) (s SignedTransaction, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("%w: there is text after the transaction", chain.InvalidField)
	}
	return s, nil
}

// Transaction is s as it was signed, without its id.
func (s *SignedTransaction) Transaction(decimals int) (tx chain.Transaction, err error) {
	tx = chain.Transaction{Kind: s.Kind, Sender: s.Sender, Recipient: s.Recipient, Memo: s.Memo, HoldUntil: s.HoldUntil}
	if s.Amount != "" {
		if tx.Amount, err = chain.ParseAmount(string(s.Amount), decimals); err != nil {
			return tx, err
		}
	}
	if s.Hold != "" {
		if tx.Hold, err = chain.ParseHash(s.Hold); err != nil {
			return tx, err
		}
	}
	if tx.Rules, err = s.rules(decimals); err != nil {
		return tx, err
	}
	tx.Auth, err = s.auth()
	return tx, err
}

func (s *SignedTransaction) auth() (*chain.Auth, error) {
	key, err := chain.ParseHash(s.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: public_key", err)
	}
	signature, err := chain.ParseSignature(s.Signature)
	if err != nil {
		return nil, err
	}
	return &chain.Auth{Nonce: s.Nonce, Expires: s.Expires, PublicKey: chain.PublicKey(key), Signature: signature}, nil
}

// rules is nil where nothing of a change is set.
func (s *SignedTransaction) rules(decimals int) (*chain.RulesChange, error) {
	p := chain.RulesChange{Receive: s.Receive, Account: s.Account, Frozen: s.Frozen}
	var err error
	if p.PerTransfer, err = parseLimit(s.PerTransfer, decimals); err != nil {
		return nil, err
	}
	if p.PerDay, err = parseLimit(s.PerDay, decimals); err != nil {
		return nil, err
	}
	if s.NewKey != "" {
		key, err := chain.ParseHash(s.NewKey)
		if err != nil {
			return nil, fmt.Errorf("%w: new_key", err)
		}
		p.NewKey = (*chain.PublicKey)(&key)
	}
	if p == (chain.RulesChange{}) {
		return nil, nil
	}
	return &p, nil
}

// parseLimit reads an amount that may be 0, for no limit; nil when there is no
// text.
func parseLimit(text json.Number, decimals int) (*chain.Amount, error) {
	if text == "" {
		return nil, nil
	}
	a, err := chain.ParseAmount(string(text), decimals)
	if errors.Is(err, chain.AmountNotPositive) && !strings.HasPrefix(string(text), "-") {
		return new(chain.Amount), nil
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}
