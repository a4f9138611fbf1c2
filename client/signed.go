package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

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

// ParseSigned reads what Encode wrote. It refuses keys that it does not know,
// as the ledger would. The ID stays unset: it takes the chain's id to know it.
func ParseSigned(text []byte) (s SignedTransaction, err error) {
	r := pyjson.NewScanner(text)
	s.fields = []byte{'{'}
	err = r.Object(func(key string) error { return s.read(r, key) })
	if err == nil {
		err = r.End()
	}
	if err == nil && len(s.fields) == 1 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	s.fields[len(s.fields)-1] = '}' // in place of a comma
	return s, nil
}

// read takes one member over, as it is spelled.
func (s *SignedTransaction) read(r *pyjson.Scanner, key string) (err error) {
	if key == "contract" {
		s.Contract, err = r.String()
		return err
	}
	if _, known := chain.AskedField(key); !known {
		return fmt.Errorf("unknown key %q", key)
	}
	value, err := r.Raw()
	if err != nil {
		return err
	}
	switch key {
	case "kind":
		var kind string
		kind, err = pyjson.NewScanner(value).String()
		s.Kind = chain.Kind(kind)
	case "expires":
		var seconds int64
		seconds, err = strconv.ParseInt(string(value), 10, 64)
		s.Expires = chain.Seconds(seconds)
	}
	s.fields = append(append(pyjson.AppendString(s.fields, key), ':'), value...)
	s.fields = append(s.fields, ',')
	return err
}

// Transaction is s as it was signed, without its id.
func (s *SignedTransaction) Transaction(decimals int) (chain.Transaction, error) {
	tx, err := chain.DecodeTransaction(s.fields, decimals)
	if err == nil && tx.Auth == nil {
		err = ErrNotSigned
	}
	return tx, err
}
