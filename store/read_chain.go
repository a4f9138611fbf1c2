package store

import (
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// DefaultToken is the token of the first contract created.
func (s *Store) DefaultToken() (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.heads) == 0 {
		return "", false
	}
	return s.heads[0].Contract.Token, true
}

// Contracts returns where every chain stands, in order of creation.
func (s *Store) Contracts() []chain.Info {
	s.mu.RLock()
	defer s.mu.RUnlock()
	infos := make([]chain.Info, len(s.heads))
	for i, h := range s.heads {
		infos[i] = h.info()
	}
	return infos
}

// Contract returns where one chain stands.
func (s *Store) Contract(token string) (chain.Info, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return chain.Info{}, err
	}
	return h.info(), nil
}

func (h *Head) info() chain.Info {
	due, timed := h.Due()
	if !timed {
		due = 0
	}
	return chain.Info{
		Contract: h.Contract, ID: h.ID, Length: h.Index, Tip: h.Hash, TipTimestamp: h.Timestamp,
		Records: h.Records, Pending: h.Pending.Count(), Totals: h.Totals,
		OpenHolds: h.Holds().Count(), Due: due,
	}
}

// Produced is the index from which on all blocks of a chain are, or will be, produced in this
// process from records that were decided in it: what is before has been read from the disk.
func (s *Store) Produced(token string) (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return 0, err
	}
	return h.first, nil
}

// Block returns the canonical bytes of a block and their hash, which has been
// checked against them.
func (s *Store) Block(token string, index uint64) ([]byte, chain.Hash, error) {
	run, err := s.readRun(token, index, index+1)
	if err != nil {
		return nil, chain.Hash{}, err
	}
	return run[0].Canonical, run[0].Hash, nil
}

// Blocks calls yield for the blocks from, from+1, … up to limit of them (0:
// up to the newest at the time of the call), oldest first. The bytes are
// checked against their hash and must not be changed. The store is free while
// yield runs.
func (s *Store) Blocks(token string, from, limit uint64, yield func(index uint64, canonical []byte) error) error {
	return s.BlocksHashed(token, from, limit, func(index uint64, canonical []byte, _ chain.Hash) error { return yield(index, canonical) })
}

// BlocksHashed is Blocks with the hashes.
func (s *Store) BlocksHashed(token string, from, limit uint64, yield func(index uint64, canonical []byte, hash chain.Hash) error) error {
	info, err := s.Contract(token)
	if err != nil {
		return err
	}
	from = max(from, 1)
	end := info.Length + 1
	if limit > 0 && from < end && end-from > limit {
		end = from + limit
	}
	for from < end {
		run, err := s.readRun(token, from, end)
		if err != nil {
			return err
		}
		for _, b := range run {
			if err := yield(from, b.Canonical, b.Hash); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}

// readRun reads at least one block from the start of a range, and no more
// than is good to hold at once. They have been checked against their hashes.
func (s *Store) readRun(token string, from, end uint64) ([]*blocks.Block, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	s.mu.RLock()
	h, err := s.head(token)
	if err == nil && (from < 1 || from > h.Index) {
		err = fmt.Errorf("%w: block %d", chain.NotFound, from)
	}
	if err != nil {
		s.mu.RUnlock()
		return nil, err
	}
	run := s.runInMemory(h, from, end)
	if len(run) > 0 {
		s.mu.RUnlock()
		return run, s.report(checkAll(run))
	}
	db, contract, onDisk := s.db, h.Number, s.flushedTo(h)
	s.mu.RUnlock()
	run, err = blocks.Read(db, contract, from, min(end, onDisk+1))
	return run, s.report(err)
}

func checkAll(run []*blocks.Block) error {
	for _, b := range run {
		if err := b.Check(); err != nil {
			return err
		}
	}
	return nil
}

// runInMemory returns blocks of a range as long as the layers have them.
func (s *Store) runInMemory(h *Head, from, end uint64) (run []*blocks.Block) {
	for size := 0; from < end && len(run) < readRun && size < readRunBytes; from++ {
		b, ok := s.blockInMemory(keys.Block{Contract: h.Number, Index: from})
		if !ok {
			break
		}
		run = append(run, b)
		size += len(b.Canonical)
	}
	return run
}

// NextDue is the earliest time at which a block is due or a hold expires, in
// any chain.
func (s *Store) NextDue() (at chain.Micros, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, h := range s.heads {
		if due, is := h.Due(); is && (!ok || due < at) {
			at, ok = due, true
		}
		if first, is := h.Holds().First(); is && (!ok || first.Until.Micros() < at) {
			at, ok = first.Until.Micros(), true
		}
	}
	return at, ok
}

// What an auditor reads of a store that nobody has written to since it was
// opened: all of it is in Pebble then, so it can be read in order.

var errInUse = errors.New("the state store is in use: its accounts and holds can be listed after Open only")

// Accounts calls yield for every account of a chain, in the order of names.
func (s *Store) Accounts(token string, yield func(name string, a chain.Account) error) error {
	return s.rows(token, []byte{keys.AccountTable}, func(key, row []byte) error {
		a, err := decodeAccount(row)
		if err != nil {
			return err
		}
		return yield(string(key), a)
	})
}

// Holds calls yield for every hold of a chain, the open ones first, in the order
// of ids.
func (s *Store) Holds(token string, yield func(id chain.ID, h chain.HoldState) error) error {
	return s.rows(token, []byte{keys.OpenHoldTable, keys.EndedHoldTable}, func(key, row []byte) error {
		h, err := decodeHold(row)
		if err != nil {
			return err
		}
		if len(key) != len(chain.ID{}) {
			return engine.ErrCorrupt
		}
		return yield(chain.ID(key), h.HoldState)
	})
}

// Pending returns the records of a chain that no block holds yet.
func (s *Store) Pending(token string) ([]chain.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return nil, err
	}
	records := make([]chain.Record, h.Pending.Count())
	for i := range records {
		if records[i], err = chain.DecodeRecord(h.Pending.Record(i), h.Contract.Decimals); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// rows reads tables of a chain. key is what stands behind the contract's number.
func (s *Store) rows(token string, tables []byte, yield func(key, row []byte) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return err
	}
	if s.active.bytes > 0 || len(s.active.rows) > 0 || s.frozen != nil {
		return errInUse
	}
	for _, table := range tables {
		prefix := keys.Prefix(table, h.Number)
		err := engine.Scan(s.db, prefix, func(key, row []byte) error { return yield(key[len(prefix):], row) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Attestations is what members have said about a chain of late, and a channel
// that is closed when there is more.
func (s *Store) Attestations(token string) ([]chain.Attestation, <-chan struct{}, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return nil, nil, err
	}
	return h.attested, h.more, nil
}
