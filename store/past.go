package store

import (
	"errors"
	"fmt"
	"sort"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// Moment is the end of a block; one that is not here fails with chain.NotFound.
func (s *Store) Moment(token string, index uint64) (chain.Moment, error) {
	var there bool
	m, err := lookup(s, token, func(h *Head) (chain.Moment, bool) {
		there = index >= 1 && index <= h.Index
		m := chain.Moment{Block: index, Hash: h.Hash, Timestamp: h.Timestamp}
		if index == h.Index || !there {
			return m, true
		}
		b, ok := s.blockInMemory(keys.Block{Contract: h.Number, Index: index})
		if ok {
			m.Hash = b.Hash
			m.Timestamp, ok = chain.TimestampOf(b.Canonical)
		}
		return m, ok
	}, func(r pebble.Reader, contract uint32) (m chain.Moment, err error) {
		text, hash, err := blocks.Begin(r, keys.Block{Contract: contract, Index: index})
		if err != nil {
			return m, err
		}
		at, ok := chain.TimestampOf(text)
		if !ok {
			err = fmt.Errorf("%w: block %d has no timestamp", engine.ErrCorrupt, index)
		}
		return chain.Moment{Block: index, Hash: hash, Timestamp: at}, err
	})
	if err == nil && !there {
		err = fmt.Errorf("%w: block %d", chain.NotFound, index)
	}
	return m, err
}

// MomentAt is the end of the last block whose timestamp is not after a time; none,
// with Block 0, for a time before genesis.
func (s *Store) MomentAt(token string, at chain.Micros) (m chain.Moment, err error) {
	info, err := s.Contract(token)
	if err != nil {
		return m, err
	}
	if info.TipTimestamp <= at {
		return chain.Moment{Block: info.Length, Hash: info.Tip, Timestamp: info.TipTimestamp}, nil
	}
	after := sort.Search(int(info.Length), func(i int) bool {
		next, failed := s.Moment(token, uint64(i)+1)
		err = errors.Join(err, failed)
		return next.Timestamp > at
	})
	if err != nil || after == 0 {
		return m, err
	}
	return s.Moment(token, uint64(after))
}

// RecordsFrom returns records from a place on up to the end of a block, oldest
// first, among them all that concern an account or may have changed it, and what to
// go on from. One call does bounded work; when it was the last, next is block+1.
func (s *Store) RecordsFrom(token, account string, from Noted, block uint64) (records []chain.Record, next Noted, err error) {
	info, err := s.Contract(token)
	if err != nil {
		return nil, next, err
	}
	if block > info.Length {
		return nil, next, fmt.Errorf("%w: block %d", chain.NotFound, block)
	}
	if earnsFees(&info.Contract, account) {
		return s.allRecords(token, info.Contract.Decimals, from, block)
	}
	w := history.Between(account, history.PlaceOf(from.Block, from.Position), history.PlaceOf(block+1, 0))
	s.using.RLock()
	defer s.using.RUnlock()
	page, err := s.history(token, w)
	for _, r := range page.Records {
		records = append(records, r.Record)
	}
	next.Block = block + 1
	if page.Next != "" {
		at, err := history.ParseCursor(page.Next)
		if err != nil {
			return nil, next, err
		}
		next.Block, next.Position = (at + 1).Block(), (at + 1).Position()
	}
	return records, next, err
}

// allRecords is RecordsFrom of an account that any record may change.
func (s *Store) allRecords(token string, decimals int, from Noted, block uint64) (records []chain.Record, next Noted, err error) {
	if from.Block > block {
		return nil, from, nil
	}
	run, err := s.readRun(token, from.Block, block+1)
	if err != nil {
		return nil, next, err
	}
	skip := from.Position
	for _, canonical := range run {
		b, err := chain.DecodeBlock(canonical.Canonical, decimals)
		if err != nil {
			return nil, next, err
		}
		records = append(records, b.Records[min(skip, len(b.Records)):]...)
		skip = 0
	}
	next.Block = from.Block + uint64(len(run))
	return records, next, nil
}
