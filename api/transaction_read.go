package api

import (
	"fmt"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

const headerKey = "Idempotency-Key"

// submission is one transaction on its way through this package.
type submission struct {
	contract *knownContract
	tx       chain.Transaction
	drawn    string // the key, when the client gave none
}

// bodyRule says what the body of a single transaction may hold.
type bodyRule struct {
	lenient bool       // fields that mean nothing here: the tutorial's clients may send what they like
	kind    chain.Kind // "", or what the path says that is asked for
	hold    chain.ID   // of which hold
}

// readTransaction turns a request into a transaction with its id, whose
// signature is good where the contract wants one.
func (s *memberServer) readTransaction(c *gin.Context, w *work, rule bodyRule) (*submission, error) {
	key, keyed, err := idempotencyKey(c)
	if err != nil {
		return nil, err
	}
	if err := readBody(c, w, maxBody); err != nil {
		return nil, err
	}
	d, inBody, err := scanTransaction(w, rule)
	if err != nil {
		return nil, err
	}
	token, err := s.token(c, inBody)
	if err != nil {
		return nil, err
	}
	contract, err := s.contractOnChain(c, token)
	if err != nil {
		return nil, err
	}
	sub := &submission{contract: contract}
	if sub.tx, err = d.transaction(&contract.Contract); err != nil {
		return nil, err
	}
	if contract.Wallets == chain.SignedWallets {
		if keyed {
			return nil, fmt.Errorf("%w: %w", chain.InvalidField, errKeyOfSigned)
		}
		return sub, s.authenticate(w, contract, &sub.tx)
	}
	if keyed {
		sub.tx.ID = chain.DeriveID([]byte(key))
		return sub, nil
	}
	drawn, err := s.draw(w)
	sub.drawn, sub.tx.ID = string(drawn), chain.DeriveID(drawn)
	return sub, err
}

// elsewhereInBodies are names that mean something in other requests and answers
// of this API. Who sends one with a transaction means that, and must not be
// debited for something else.
var elsewhereInBodies = []string{"token", "chain", "chain_id", "key", "idempotency_key", "id", "transactions", "consistency", "min_block", "min_index"}

// meansSomething tells whether a key that is no field of a transaction is one of
// those names, or a misspelling of one or of a field that may be left out.
func meansSomething(key string) bool {
	means := func(name string) bool { return folded(name) == folded(key) }
	return slices.ContainsFunc(elsewhereInBodies, means) ||
		slices.ContainsFunc([]string{"contract", "memo", "kind", "hold", "hold_until", "expires", "signature"}, means)
}

// notThere says where such a name belongs.
func notThere(name string) error {
	hint := "it is not taken in the body of a transaction"
	switch folded(name) {
	case "token", "contract":
		hint = `the contract is named with "contract"`
	case "key", "idempotencykey":
		hint = "the key is the header " + headerKey
	case "chain", "chainid":
		hint = "the chain is named with ?chain= or the header " + headerChain
	case "transactions":
		hint = "several go to /v1/transactions:batch"
	}
	return fmt.Errorf("%w: %q: %s", chain.InvalidField, name, hint)
}

// scanTransaction reads the body of a single transaction.
func scanTransaction(w *work, rule bodyRule) (d draft, token string, err error) {
	d.lenient = rule.lenient
	err = scanObject(w, func(key string) error {
		if key == "contract" {
			return d.optional(&w.scan, key, &token)
		}
		known, err := d.scanField(&w.scan, key)
		switch {
		case known:
		case !rule.lenient:
			d.note(unknownKey(key))
		case meansSomething(key) && w.scan.Peek() != pyjson.KindNull:
			d.note(notThere(key))
		}
		return err
	})
	if err == nil && rule.kind != "" {
		d.resolve(rule.kind, rule.hold)
	}
	return d, token, err
}

// idempotencyKey returns the client's key. One that is there and says nothing
// is refused: its sender believes to be safe.
func idempotencyKey(c *gin.Context) (key string, given bool, err error) {
	switch values := c.Request.Header[headerKey]; {
	case len(values) == 0:
		return "", false, nil
	case len(values) > 1:
		return "", false, fmt.Errorf("%w: more than one %s", chain.InvalidField, headerKey)
	default:
		return values[0], true, checkKey(values[0])
	}
}

// unkeyed refuses an idempotency key where there is none to be obeyed: whoever
// sends it believes that a repeat is safe.
func unkeyed(h handler) handler {
	return func(c *gin.Context) error {
		if c.Request.Header[headerKey] != nil {
			return fmt.Errorf("%w: this path takes no %s", chain.InvalidField, headerKey)
		}
		return h(c)
	}
}

func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the idempotency key is empty", chain.InvalidField)
	case len(key) > chain.MaxKeyBytes:
		return fmt.Errorf("%w: %d bytes, at most %d", chain.KeyTooLong, len(key), chain.MaxKeyBytes)
	}
	return nil
}
