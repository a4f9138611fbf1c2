package proof

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// RecordPath finds a record in the canonical bytes of a block and the path
// from it to the block's transactions_root.
func RecordPath(block []byte, position int) (record []byte, path []chain.Hash, err error) {
	if err := bounded(block, chain.MaxBlockBytes); err != nil {
		return nil, nil, err
	}
	var stored storedHashes
	count := 0
	s := pyjson.NewScanner(block)
	err = s.Object(func(key string) error {
		if key != "transactions" {
			return nil
		}
		return s.Array(func(i int) error {
			text, err := s.Raw()
			if err != nil {
				return err
			}
			if i == position {
				record = text
			}
			count++
			return stored.add(int64(i), text)
		})
	})
	switch {
	case err != nil:
		return nil, nil, err
	case record == nil:
		return nil, nil, fmt.Errorf("%w: no record %d in this block", chain.NotFound, position)
	}
	proof, err := tlog.ProveRecord(int64(count), int64(position), stored)
	return record, ours(proof), err
}

// checkRecordPath verifies that a record stands at a position of the block
// with the given header.
func checkRecordPath(l *Leaf, record []byte, position int, path []chain.Hash) error {
	if position < 0 || position >= l.Transactions {
		return fmt.Errorf("%w: record %d of %d", ErrRecordPath, position, l.Transactions)
	}
	if err := tlog.CheckRecord(hashes(path), int64(l.Transactions), tlog.Hash(l.Root), int64(position), tlog.RecordHash(record)); err != nil {
		return fmt.Errorf("%w: record %d of block %d: %w", ErrRecordPath, position, l.Index, err)
	}
	return nil
}

// storedHashes is a small tree in memory.
type storedHashes []tlog.Hash

func (s *storedHashes) add(n int64, leaf []byte) error {
	added, err := tlog.StoredHashes(n, leaf, *s)
	*s = append(*s, added...)
	return err
}

// ReadHashes implements tlog.HashReader.
func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(s)) {
			return nil, fmt.Errorf("no hash is stored at %d", x)
		}
		read[i] = s[x]
	}
	return read, nil
}
