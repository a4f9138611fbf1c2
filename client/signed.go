package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// SignedTransaction is a transaction of a signed contract as it is sent: amounts are
// in tokens, the rest as it was signed.
type SignedTransaction struct {
	Contract string // token; "" for the server's first
	Kind     chain.Kind
	Expires  chain.Seconds

	// ID is the hash of what was signed. It does not travel: the ledger
	// computes it, and Submit asks after it.
	ID chain.ID

	fields []byte // a JSON object with all but the contract
}

// ErrNotSigned: the transaction has no signature, or its id is not known.
var ErrNotSigned = errors.New("client: the transaction is not signed")

// NewSigned is how tx, which has been signed, is sent to the contract of that
// token.
func NewSigned(token string, decimals int, tx *chain.Transaction) (SignedTransaction, error) {
	if tx.Auth == nil || tx.ID.IsZero() {
		return SignedTransaction{}, ErrNotSigned
	}
	return SignedTransaction{Contract: token, Kind: tx.Kind, Expires: tx.Auth.Expires, ID: tx.ID,
		fields: chain.AppendTransaction(nil, tx, decimals)}, nil
}

// Encode is the JSON of s on one line: what is sent, and what is kept to be sent later.
func (s *SignedTransaction) Encode() []byte {
	text := []byte{'{'}
	if s.Contract != "" {
		text = append(pyjson.AppendString(append(text, `"contract":`...), s.Contract), ',')
	}
	var line bytes.Buffer
	_ = json.Compact(&line, append(text, s.fields[1:]...)) // it is JSON
	line.WriteByte('\n')
	return line.Bytes()
}

// ParseSigned reads what Encode wrote, and amounts in quotes as well, as the ledger
// does. It refuses keys that it does not know, and whatever is wrong under any
// contract. The ID stays unset: it takes the chain's id to know it.
func ParseSigned(text []byte) (s SignedTransaction, err error) {
	r := pyjson.NewScanner(text)
	fields, others := []byte{'{'}, []byte{'{'} // all; those that are no amounts
	err = r.Object(func(key string) (err error) {
		if key == "contract" {
			s.Contract, err = r.String()
			return err
		}
		f, known := chain.AskedField(key)
		if !known {
			return fmt.Errorf("unknown key %q", key)
		}
		value, err := r.Raw()
		if err == nil && f.IsAmount() {
			value, err = amountNumber(key, value)
		}
		fields = appendMember(fields, key, value)
		if !f.IsAmount() {
			others = appendMember(others, key, value)
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err == nil && len(fields) == 1 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	tx, err := chain.DecodeTransaction(append(others, '}'), 0)
	if err != nil {
		return s, err
	}
	s.fields, s.Kind = append(fields, '}'), tx.Kind
	if tx.Auth != nil {
		s.Expires = tx.Auth.Expires
	}
	return s, nil
}

func appendMember(dst []byte, key string, value []byte) []byte {
	if len(dst) > 1 {
		dst = append(dst, ',')
	}
	return append(append(pyjson.AppendString(dst, key), ':'), value...)
}

// amountNumber is a JSON number, or that in a JSON string.
func amountNumber(key string, value []byte) ([]byte, error) {
	if quoted, err := pyjson.NewScanner(value).String(); err == nil {
		value = []byte(quoted)
	}
	r := pyjson.NewScanner(value)
	_, err := r.Number()
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a number: %w", key, err)
	}
	return value, nil
}

// Transaction is s as it was signed, without its id.
func (s *SignedTransaction) Transaction(decimals int) (chain.Transaction, error) {
	tx, err := chain.DecodeTransaction(s.fields, decimals)
	if err == nil && tx.Auth == nil {
		err = ErrNotSigned
	}
	return tx, err
}
