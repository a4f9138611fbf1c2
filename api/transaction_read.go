package api

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
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
	lenient bool       // any field: the tutorial's clients may send what they like
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

// scanTransaction reads the body of a single transaction.
func scanTransaction(w *work, rule bodyRule) (d draft, token string, err error) {
	d.lenient = rule.lenient
	err = scanObject(w, func(key string) error {
		if key == "contract" {
			return d.optional(&w.scan, key, &token)
		}
		known, err := d.scanField(&w.scan, key)
		if !known && !rule.lenient {
			d.note(unknownKey(key))
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

func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the idempotency key is empty", chain.InvalidField)
	case len(key) > chain.MaxKeyBytes:
		return fmt.Errorf("%w: %d bytes, at most %d", chain.KeyTooLong, len(key), chain.MaxKeyBytes)
	}
	return nil
}
