package intake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Envelope is what a request says of its one transaction outside of the body.
type Envelope struct {
	Lenient bool       // the body may hold fields that mean nothing here: the tutorial's clients send what they like
	Kind    chain.Kind // "", or what the path says that is asked for
	Hold    chain.ID   // of which hold
	Key     string     // the idempotency key, "" for none
}

// Transaction reads the body of a single transaction, and the contract that it
// names.
func (r *Reader) Transaction(body []byte, e Envelope) (drafts []Draft, token string, err error) {
	r.drafts = append(r.drafts[:0], Draft{key: e.Key, beside: e.Key != "", lenient: e.Lenient})
	d := &r.drafts[0]
	err = r.Object(body, func(s *pyjson.Scanner, key string) error {
		if key == "contract" {
			return d.optional(s, key, &token)
		}
		known, err := d.scan(s, key)
		switch {
		case known:
		case !e.Lenient:
			d.note(UnknownKey(key))
		case meansSomething(key) && s.Peek() != pyjson.KindNull:
			d.note(notThere(key))
		}
		return err
	})
	if err == nil && e.Kind != "" {
		d.resolve(e.Kind, e.Hold)
	}
	return r.drafts, token, err
}

// Batch reads {"transactions": [ … ], "contract": …}.
func (r *Reader) Batch(body []byte) (drafts []Draft, token string, err error) {
	var envelope fault // what is wrong outside of the transactions
	found := false
	r.drafts = r.drafts[:0]
	err = r.Object(body, func(s *pyjson.Scanner, key string) error {
		switch key {
		case "contract":
			return envelope.optional(s, key, &token)
		case "transactions":
			if s.Peek() != pyjson.KindArray {
				envelope.note(WrongKind(key, "a list"))
				return nil
			}
			found = true
			return s.Array(func(i int) error { return r.item(s, i) })
		}
		envelope.note(UnknownKey(key))
		return nil
	})
	switch {
	case err != nil:
		return nil, "", err
	case envelope.err != nil:
		return nil, "", envelope.err
	case !found:
		return nil, "", fmt.Errorf("%w: %s: transactions", chain.MissingValues, MissingValues)
	}
	return r.drafts, token, nil
}

// item reads one transaction of a batch.
func (r *Reader) item(s *pyjson.Scanner, i int) error {
	if i == maxBatch {
		return fmt.Errorf("%w: at most %d", outcome.BatchTooLarge, maxBatch)
	}
	r.drafts = append(r.drafts, Draft{})
	d := &r.drafts[i]
	if s.Peek() != pyjson.KindObject {
		d.have = allFields // nothing is missing: it is another thing
		d.note(WrongKind("transactions["+strconv.Itoa(i)+"]", "an object"))
		return nil
	}
	err := s.Object(func(key string) error {
		if key == "key" {
			return d.scanKey(s)
		}
		known, err := d.scan(s, key)
		if !known {
			d.note(UnknownKey(key))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("transactions[%d]: %w", i, err)
	}
	return nil
}

// scanKey reads the idempotency key of one transaction of a batch.
func (d *Draft) scanKey(s *pyjson.Scanner) error {
	if s.Peek() == pyjson.KindNull {
		return nil
	}
	err := d.text(s, "key", &d.key)
	if wrong := CheckKey(d.key); err == nil && wrong != nil {
		d.note(wrong)
	}
	return err
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

// elsewhere are names that mean something in other requests and answers.
// Who sends one with a transaction means that, and must not be debited for
// something else.
var elsewhere = []string{"token", "chain", "chain_id", "key", "idempotency_key", "id", "transactions", "consistency", "min_block", "min_index"}

// meansSomething tells whether a key that is no field of a transaction is one of
// those names, or a misspelling of one or of a field that may be left out.
func meansSomething(key string) bool {
	means := func(name string) bool { return Folded(name) == Folded(key) }
	return slices.ContainsFunc(elsewhere, means) ||
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
		hint = "the key is the header " + protocol.IdempotencyKey
	case "chain", "chainid":
		hint = "the chain is named with ?chain= or the header " + protocol.Chain
	case "transactions":
		hint = "several go to /v1/transactions:batch"
	}
	return fmt.Errorf("%w: %q: %s", chain.InvalidField, name, hint)
}
