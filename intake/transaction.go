package intake

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Chain is what nobody can change about a chain: its contract, and the hash of
// its first block.
type Chain struct {
	chain.Contract
	ID chain.Hash
}

// Submission is a transaction that is ready to be ordered.
type Submission struct {
	Chain *Chain
	Tx    chain.Transaction
	Drawn string // the idempotency key, when the client gave none
}

// Rule says what the body of a single transaction may hold.
type Rule struct {
	Lenient bool       // fields that mean nothing here: the tutorial's clients may send what they like
	Kind    chain.Kind // "", or what the path says that is asked for
	Hold    chain.ID   // of which hold
}

// Transaction reads the body of a single transaction, and the contract that it
// names.
func (r *Reader) Transaction(body []byte, rule Rule) (d Draft, token string, err error) {
	d.lenient = rule.Lenient
	err = r.Object(body, func(s *pyjson.Scanner, key string) error {
		if key == "contract" {
			return d.optional(s, key, &token)
		}
		known, err := d.scanField(s, key)
		switch {
		case known:
		case !rule.Lenient:
			d.note(unknownKey(key))
		case meansSomething(key) && s.Peek() != pyjson.KindNull:
			d.note(notThere(key))
		}
		return err
	})
	if err == nil && rule.Kind != "" {
		d.resolve(rule.Kind, rule.Hold)
	}
	return d, token, err
}

// Elsewhere are names that mean something in other requests and answers.
// Who sends one with a transaction means that, and must not be debited for
// something else.
var Elsewhere = []string{"token", "chain", "chain_id", "key", "idempotency_key", "id", "transactions", "consistency", "min_block", "min_index"}

// meansSomething tells whether a key that is no field of a transaction is one of
// those names, or a misspelling of one or of a field that may be left out.
func meansSomething(key string) bool {
	means := func(name string) bool { return Folded(name) == Folded(key) }
	return slices.ContainsFunc(Elsewhere, means) ||
		slices.ContainsFunc([]string{"contract", "memo", "kind", "hold", "hold_until", "expires", "signature"}, means)
}

// Folded is a name as its misspellings have it, too: Idempotency-Key and
// idempotencyKey mean idempotency_key.
func Folded(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// notThere says where such a name belongs.
func notThere(name string) error {
	hint := "it is not taken in the body of a transaction"
	switch Folded(name) {
	case "token", "contract":
		hint = `the contract is named with "contract"`
	case "key", "idempotencykey":
		hint = "the key is the header Idempotency-Key"
	case "chain", "chainid":
		hint = "the chain is named with ?chain= or the header Bpsc-Chain"
	case "transactions":
		hint = "several go to /v1/transactions:batch"
	}
	return fmt.Errorf("%w: %q: %s", chain.InvalidField, name, hint)
}

// CheckKey checks a client's idempotency key. One that is there and says nothing
// is refused: its sender believes to be safe.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the idempotency key is empty", chain.InvalidField)
	case len(key) > chain.MaxKeyBytes:
		return fmt.Errorf("%w: %d bytes, at most %d", chain.KeyTooLong, len(key), chain.MaxKeyBytes)
	}
	return nil
}

// Checker makes transactions of what was read.
type Checker struct {
	random     io.Reader
	signatures *verifier
}

// NewChecker returns a checker that draws keys from random.
func NewChecker(random io.Reader) *Checker {
	return &Checker{random: random, signatures: newVerifier()}
}

// Transaction makes a transaction with its id, whose signature is good where the
// contract wants one. key is the client's idempotency key, if it gave one.
func (c *Checker) Transaction(r *Reader, to *Chain, d *Draft, key string, keyed bool) (*Submission, error) {
	sub := &Submission{Chain: to}
	var err error
	if sub.Tx, err = d.transaction(&to.Contract); err != nil {
		return nil, err
	}
	switch {
	case to.Wallets == chain.SignedWallets && keyed:
		return nil, fmt.Errorf("%w: %w", chain.InvalidField, errKeyOfSigned)
	case to.Wallets == chain.SignedWallets:
		return sub, c.authenticate(r, to, &sub.Tx)
	case keyed:
		sub.Tx.ID = chain.DeriveID([]byte(key))
		return sub, nil
	}
	drawn, err := c.draw(r)
	sub.Drawn, sub.Tx.ID = string(drawn), chain.DeriveID(drawn)
	return sub, err
}

// draw makes a key for a transaction that came without: the text of 32 random
// bytes, so that a client that is told it can send the transaction again.
func (c *Checker) draw(r *Reader) ([]byte, error) {
	if _, err := io.ReadFull(c.random, r.random[:]); err != nil {
		return nil, err
	}
	hex.Encode(r.key[:], r.random[:])
	return r.key[:], nil
}

// errNotSigned says what was looked at: a client that signed something else
// cannot know what.
var errNotSigned = fmt.Errorf("%w: it is not by public_key over these fields and the id of this chain", chain.SignatureInvalid)

// authenticate gives a signed transaction the id that follows from what is
// signed, and checks the signature: the ledger does not look at it again.
func (c *Checker) authenticate(r *Reader, to *Chain, tx *chain.Transaction) error {
	r.signed = tx.AppendSigned(r.signed[:0], to.ID, to.Decimals)
	tx.ID = chain.SignedID(r.signed)
	one := []check{{Signed: chain.Signed{Key: tx.Auth.PublicKey, Signature: tx.Auth.Signature, Message: r.signed}}}
	if err := c.signatures.check(one); err != nil {
		return err
	}
	if !one[0].good {
		return errNotSigned
	}
	return nil
}
