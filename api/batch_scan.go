package api

import (
	"fmt"
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// scanBatch reads {"transactions": [ … ], "contract": …}.
func scanBatch(w *work) (items []batchItem, token string, err error) {
	var envelope draft // for what is wrong outside of the items
	found := false
	err = scanObject(w, func(key string) error {
		switch key {
		case "contract":
			return envelope.optional(&w.scan, key, &token)
		case "transactions":
			if w.scan.Peek() != pyjson.KindArray {
				envelope.note(wrongKind(key, "a list"))
				return nil
			}
			found = true
			return w.scan.Array(func(i int) error { return scanItem(&w.scan, i, &items) })
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
		return nil, "", withDetail(chain.MissingValues, missingValues+": transactions")
	}
	return items, token, nil
}

func scanItem(s *pyjson.Scanner, i int, items *[]batchItem) error {
	if i == maxBatch {
		return fmt.Errorf("%w: at most %d", ErrBatchTooLarge, maxBatch)
	}
	*items = append(*items, batchItem{})
	item := &(*items)[i]
	if s.Peek() != pyjson.KindObject {
		item.have = allFields // nothing is missing: it is another thing
		item.note(wrongKind("transactions["+strconv.Itoa(i)+"]", "an object"))
		return nil
	}
	err := s.Object(func(key string) error { return item.scanItemField(s, key) })
	if err != nil {
		return fmt.Errorf("transactions[%d]: %w", i, err)
	}
	return nil
}

func (item *batchItem) scanItemField(s *pyjson.Scanner, key string) error {
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
		item.note(wrongKind(key, "a string"))
		return nil
	}
	var err error
	if item.key, err = s.String(); err != nil {
		return err
	}
	if wrong := checkKey(item.key); wrong != nil {
		item.note(wrong)
	}
	return nil
}
