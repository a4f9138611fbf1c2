package api

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

const headerKey = "Idempotency-Key"

// submission is one transaction on its way through this package.
type submission struct {
	contract *chain.Contract
	tx       chain.Transaction
	drawn    string // the key, when the client gave none
}

// readTransaction turns a request into a transaction with its id. strict
// refuses fields that are not known; the tutorial's clients may send any.
func (s *server) readTransaction(c *gin.Context, w *work, strict bool) (*submission, error) {
	key, keyed, err := idempotencyKey(c)
	if err != nil {
		return nil, err
	}
	if err := readBody(c, w, maxBody); err != nil {
		return nil, err
	}
	d, inBody, err := scanTransaction(w, strict)
	if err != nil {
		return nil, err
	}
	token, err := s.token(c, inBody)
	if err != nil {
		return nil, err
	}
	contract, err := s.contract(token)
	if err != nil {
		return nil, err
	}
	sub := &submission{contract: contract}
	if sub.tx, err = d.transaction(contract); err != nil {
		return nil, err
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
func scanTransaction(w *work, strict bool) (d draft, token string, err error) {
	err = scanObject(w, func(key string) error {
		if key == "contract" {
			return d.optional(&w.scan, key, &token)
		}
		known, err := d.scanField(&w.scan, key)
		if !known && strict {
			d.note(unknownKey(key))
		}
		return err
	})
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
