package store

import (
	"context"
	"fmt"
	"maps"

	"github.com/bpsc/bpsc/chain"
)

// account reads through the layers. The caller holds mu, as in all lookups in
// lower case here.
func (s *Store) account(contract uint32, name string) (chain.Account, error) {
	if a, ok := s.active.accounts.get(contract, name); ok {
		return a, nil
	}
	if s.frozen != nil {
		if a, ok := s.frozen.accounts.get(contract, name); ok {
			return a, nil
		}
	}
	if a, ok := s.recent.get(contract, name); ok {
		return a, nil
	}
	row, err := get(s.db, append(tableKey(accountTable, contract), name...))
	if row == nil || err != nil {
		return chain.Account{}, err
	}
	return decodeAccount(row)
}

func (s *Store) placement(k idKey) (Placement, bool, error) {
	if s.ids.lacks(k) { // neither here nor in Pebble: the answer for almost every new id
		return Placement{}, false, nil
	}
	if p, ok := s.active.placement(k); ok {
		return p, true, nil
	}
	if s.frozen != nil {
		if p, ok := s.frozen.placement(k); ok {
			return p, true, nil
		}
	}
	row, err := get(s.db, k.bytes())
	if row == nil || err != nil {
		return Placement{}, false, err
	}
	p, err := decodePlacement(row)
	return p, true, err
}

func (s *Store) block(k blockKey) (hash chain.Hash, canonical []byte, err error) {
	stored, ok := s.active.blocks[k]
	if !ok && s.frozen != nil {
		stored, ok = s.frozen.blocks[k]
	}
	if !ok {
		if stored, err = get(s.db, k.bytes()); err != nil {
			return hash, nil, err
		}
	}
	if stored == nil {
		return hash, nil, fmt.Errorf("%w: block %d", chain.NotFound, k.index)
	}
	if hash, canonical, err = decodeBlock(stored); err != nil {
		s.alarm.raise(err)
	}
	return hash, canonical, err
}

// recordText returns the record at p, pending or in a block.
func (s *Store) recordText(h *Head, p Placement) ([]byte, error) {
	if p.Block == h.Index+1 {
		return h.Pending.Record(p.Position), nil
	}
	_, canonical, err := s.block(blockKey{h.Number, p.Block})
	if err != nil {
		return nil, err
	}
	return chain.RecordText(canonical, p.Position)
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

// AppliedIndex is the log index of the last entry the state holds.
func (s *Store) AppliedIndex() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Applied
}

// Time is the machine's clock, unix microseconds.
func (s *Store) Time() int64 {
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

// Member returns what a member of the cluster has made known of itself.
func (s *Store) Member(id string) Member {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Members[id]
}

// Members returns all of them by id.
func (s *Store) Members() map[string]Member {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.meta.Members)
}

// Account returns the state of a wallet; one never seen has nothing.
func (s *Store) Account(token, name string) (chain.Account, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return chain.Account{}, err
	}
	return s.account(h.Number, name)
}

// Transaction returns what an id was decided to be.
func (s *Store) Transaction(token string, id chain.ID) (chain.Outcome, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return chain.Outcome{}, err
	}
	p, ok, err := s.placement(idKey{h.Number, id})
	if err != nil {
		return chain.Outcome{}, err
	}
	if !ok {
		return chain.Outcome{}, fmt.Errorf("%w: no transaction %s", chain.NotFound, id)
	}
	out := chain.Outcome{Block: p.Block, Position: p.Position, Refused: p.Refused, AppliedIndex: s.meta.Applied}
	out.Record.ID = id
	if p.Refused != "" {
		return out, nil
	}
	text, err := s.recordText(h, p)
	if err == nil {
		out.Record, err = chain.DecodeRecord(text, h.Contract.Decimals)
	}
	return out, err
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
