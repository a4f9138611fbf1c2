package intake

import (
	"fmt"
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Item is one transaction of a batch on its way: refused here, or waiting for
// its outcome.
type Item struct {
	Draft
	ID      chain.ID
	Drawn   string // its key, when the client gave none
	Refused error
}

// Keyed tells whether the client gave the item a key.
func (item *Item) Keyed() bool { return item.key != "" }

// Batch reads {"transactions": [ … ], "contract": …}.
func (r *Reader) Batch(body []byte) (items []Item, token string, err error) {
	var envelope fault // what is wrong outside of the items
	found := false
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
			return s.Array(func(i int) error { return scanItem(s, i, &items) })
		}
		envelope.note(unknownKey(key))
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
	return items, token, nil
}

func scanItem(s *pyjson.Scanner, i int, items *[]Item) error {
	if i == MaxBatch {
		return fmt.Errorf("%w: at most %d", ErrBatchTooLarge, MaxBatch)
	}
	*items = append(*items, Item{})
	item := &(*items)[i]
	if s.Peek() != pyjson.KindObject {
		item.have = allFields // nothing is missing: it is another thing
		item.note(WrongKind("transactions["+strconv.Itoa(i)+"]", "an object"))
		return nil
	}
	err := s.Object(func(key string) error { return item.scanItemField(s, key) })
	if err != nil {
		return fmt.Errorf("transactions[%d]: %w", i, err)
	}
	return nil
}

func (item *Item) scanItemField(s *pyjson.Scanner, key string) error {
	if key != "key" {
		known, err := item.scanField(s, key)
		if !known {
			item.note(unknownKey(key))
		}
		return err
	}
	if s.Peek() == pyjson.KindNull {
		return nil
	}
	if s.Peek() != pyjson.KindString {
		item.note(WrongKind(key, "a string"))
		return nil
	}
	var err error
	if item.key, err = s.String(); err != nil {
		return err
	}
	if wrong := CheckKey(item.key); wrong != nil {
		item.note(wrong)
	}
	return nil
}

// Batch gives each item its id and returns the transactions of those that are
// not refused.
func (c *Checker) Batch(r *Reader, to *Chain, items []Item) ([]chain.Transaction, error) {
	if to.Wallets == chain.SignedWallets {
		return c.signedBatch(to, items)
	}
	txs := make([]chain.Transaction, 0, len(items))
	for i := range items {
		item := &items[i]
		tx, err := item.transaction(&to.Contract)
		if err != nil {
			item.Refused = err
			continue
		}
		if item.key != "" {
			item.ID = chain.DeriveID([]byte(item.key))
		} else {
			drawn, err := c.draw(r)
			if err != nil {
				return nil, err
			}
			item.Drawn, item.ID = string(drawn), chain.DeriveID(drawn)
		}
		tx.ID = item.ID
		txs = append(txs, tx)
	}
	return txs, nil
}

// signedBatch is Batch for a signed contract. A bad signature refuses its own
// item only.
func (c *Checker) signedBatch(to *Chain, items []Item) ([]chain.Transaction, error) {
	txs := make([]chain.Transaction, 0, len(items))
	checks := make([]check, 0, len(items))
	var text []byte // of all messages; those before a growth keep the memory they were written to
	for i := range items {
		item := &items[i]
		tx, err := item.transaction(&to.Contract)
		if err != nil {
			item.Refused = err
			continue
		}
		begin := len(text)
		text = tx.AppendSigned(text, to.ID, to.Decimals)
		message := text[begin:len(text):len(text)]
		item.ID = chain.SignedID(message)
		tx.ID = item.ID
		txs = append(txs, tx)
		checks = append(checks, check{Signed: chain.Signed{Key: tx.Auth.PublicKey, Signature: tx.Auth.Signature, Message: message}})
	}
	if err := c.signatures.check(checks); err != nil {
		return nil, err
	}
	return goodOnes(items, txs, checks), nil
}

// goodOnes refuses the items whose signature is not good and returns the
// transactions of the others. There is one check for each item not refused.
func goodOnes(items []Item, txs []chain.Transaction, checks []check) []chain.Transaction {
	kept, next := txs[:0], 0
	for i := range items {
		if items[i].Refused != nil {
			continue
		}
		if checks[next].good {
			kept = append(kept, txs[next])
		} else {
			items[i].Refused = errNotSigned
		}
		next++
	}
	return kept
}
