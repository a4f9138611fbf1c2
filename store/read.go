package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// accountInMemory looks in the layers. The caller holds mu, as in all lookups of
// that name.
func (s *Store) accountInMemory(contract uint32, name string) (chain.Account, bool) {
	hash := s.active.accounts.Hash(contract, name)
	a := s.active.accounts.Find(hash, contract, name)
	if a == nil && s.frozen != nil {
		a = s.frozen.accounts.Find(hash, contract, name)
	}
	if a == nil && s.recent != nil {
		a = s.recent.Find(hash, contract, name)
	}
	if a == nil {
		return chain.Account{}, false
	}
	return *a, true
}

func accountOnDisk(r pebble.Reader, contract uint32, name string) (chain.Account, error) {
	row, err := engine.Get(r, append(keys.Prefix(keys.AccountTable, contract), name...))
	if row == nil || err != nil {
		return chain.Account{}, err
	}
	return decodeAccount(row)
}

// found is a placement, or that there is none.
type found struct {
	Placement
	known bool
}

// placementInMemory answers for almost every new id, too: that it is neither here
// nor in Pebble.
func (s *Store) placementInMemory(k keys.ID) (f found, sure bool) {
	if s.ids.Lacks(&k) {
		return found{}, true
	}
	if p, ok := s.active.placement(k); ok {
		return found{p, true}, true
	}
	if s.frozen != nil {
		if p, ok := s.frozen.placement(k); ok {
			return found{p, true}, true
		}
	}
	return found{}, false
}

// placement finds an id at a moment at which seen looks at the chain.
func (s *Store) placement(token string, id chain.ID, seen func(h *Head)) (found, error) {
	var newest int64
	return lookup(s, token, func(h *Head) (found, bool) {
		newest = s.newestEpoch(h)
		seen(h)
		return s.placementInMemory(keys.ID{Contract: h.Number, ID: id})
	}, func(r pebble.Reader, contract uint32) (found, error) {
		return placementOnDisk(r, keys.ID{Contract: contract, ID: id}, newest)
	})
}

func (s *Store) blockInMemory(k keys.Block) (*blocks.Block, bool) {
	b, ok := s.active.blocks[k]
	if !ok && s.frozen != nil {
		b, ok = s.frozen.blocks[k]
	}
	return b, ok
}

// head finds a chain by its token.
func (s *Store) head(token string) (*Head, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	h := s.byToken[token]
	if h == nil {
		return nil, fmt.Errorf("%w: %q", chain.ContractUnknown, token)
	}
	return h, nil
}

// KnownContract returns the contract of a token, nil if there is none. It waits for nobody,
// and may know a contract before the entry that creates it has been applied. It is
// that of the Head, which has another one after a Restore.
func (s *Store) KnownContract(token string) *chain.Contract {
	c, _ := s.contracts.Load(token)
	contract, _ := c.(*chain.Contract)
	return contract
}

// AppliedIndex is the log index of the last entry the state holds.
func (s *Store) AppliedIndex() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Applied
}

// Time is the machine's clock.
func (s *Store) Time() chain.Micros {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Time
}

// Nodes returns at most limit of the registered nodes, host:port, sorted, that
// come after one, and how many there are in all.
func (s *Store) Nodes(after string, limit int) (page []string, count int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Nodes.Page(after, limit), s.meta.Nodes.Len()
}

// Account returns the state of a wallet; one never seen has nothing.
func (s *Store) Account(token, name string) (chain.Account, error) {
	return lookup(s, token,
		func(h *Head) (chain.Account, bool) { return s.accountInMemory(h.Number, name) },
		func(r pebble.Reader, contract uint32) (chain.Account, error) { return accountOnDisk(r, contract, name) })
}

// WaitBlock returns once the chain has a block with that index.
func (s *Store) WaitBlock(ctx context.Context, token string, index uint64) error {
	for {
		s.mu.RLock()
		h, err := s.head(token)
		if err != nil || h.Index >= index {
			s.mu.RUnlock()
			return err
		}
		produced := h.produced
		s.mu.RUnlock()
		select {
		case <-produced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lookup reads one thing of a chain, first with memory, which looks at the head and
// the layers and is called with mu held, and where that does not know it with disk,
// which reads from db and is called without mu. What memory did not find is in db by
// then (see Store), and using keeps db open in between.
func lookup[T any](s *Store, token string, memory func(h *Head) (T, bool), disk func(r pebble.Reader, contract uint32) (T, error)) (T, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	s.mu.RLock()
	h, err := s.head(token)
	if err != nil {
		s.mu.RUnlock()
		var none T
		return none, err
	}
	v, known := memory(h)
	db, contract := s.db, h.Number
	s.mu.RUnlock()
	if known {
		return v, nil
	}
	v, err = disk(db, contract)
	return v, s.report(err)
}

// report hands damage to the database in which it was found, which using keeps open: the
// caller holds it.
func (s *Store) report(err error) error {
	if engine.IsCorrupt(err) {
		s.db.Report(err)
	}
	return err
}

// Transaction returns what an id was decided to be. It reads the record and its
// neighbours, not their block.
func (s *Store) Transaction(token string, id chain.ID) (chain.Outcome, error) {
	var out chain.Outcome
	var decimals int
	f, err := s.placement(token, id, func(h *Head) { out.AppliedIndex, decimals = s.meta.Applied, h.Contract.Decimals })
	if err == nil && !f.known {
		err = fmt.Errorf("%w: no transaction %s", chain.NotFound, id)
	}
	if err != nil {
		return chain.Outcome{}, err
	}
	out.Block, out.Position, out.Refused = f.Block, f.Position, f.Refused
	out.Record.ID = id
	if f.Refused != "" {
		return out, nil
	}
	texts, err := s.Records(token, []Placement{f.Placement})
	if err == nil {
		out.Record, err = chain.DecodeRecord(texts[0], decimals)
	}
	return out, err
}

// Records returns the texts of records, pending or in blocks, which are where
// their ids were decided to be.
func (s *Store) Records(token string, at []Placement) ([][]byte, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	var texts [][]byte
	for len(texts) < len(at) {
		more, _, err := s.records(token, at[len(texts):], readRunBytes)
		if err != nil {
			return nil, err
		}
		texts = append(texts, more...)
	}
	return texts, nil
}

// records returns the texts of some of the records, at least of the first,
// until it has read about budget bytes, and how many it has read. The caller
// holds using.
func (s *Store) records(token string, at []Placement, budget int) (texts [][]byte, size int, err error) {
	at = at[:min(len(at), readRun)]
	s.mu.RLock()
	h, err := s.head(token)
	if err != nil {
		s.mu.RUnlock()
		return nil, 0, err
	}
	inMemory := make([][]byte, len(at))
	for i := range at {
		if inMemory[i], err = s.recordInMemory(h, at[i]); err != nil {
			break
		}
	}
	r := blocks.NewReader(s.db, h.Number)
	s.mu.RUnlock()
	for i := 0; err == nil && i < len(at) && (i == 0 || size < budget); i++ {
		text := inMemory[i]
		if text == nil {
			text, err = r.Record(at[i].Block, at[i].Position)
		}
		texts = append(texts, text)
		size = r.Size()
	}
	return texts, size, s.report(err)
}

// recordInMemory returns the text of a record that no layer's flush has passed;
// nil for any other.
func (s *Store) recordInMemory(h *Head, p Placement) ([]byte, error) {
	if p.Block == h.Index+1 {
		if p.Position >= h.Pending.Count() {
			return nil, blocks.NoRecord(p.Position)
		}
		return slices.Clone(h.Pending.Record(p.Position)), nil
	}
	if b, ok := s.blockInMemory(keys.Block{Contract: h.Number, Index: p.Block}); ok {
		return b.Record(p.Position)
	}
	return nil, nil
}
