package store

import "github.com/bpsc/bpsc/chain"

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
	return chain.Info{
		Contract: h.Contract, ID: h.ID, Length: h.Index, Tip: h.Hash, TipTimestamp: h.Timestamp,
		Records: h.Records, Pending: h.Pending.Count(), Totals: h.Totals,
		OpenHolds: h.Holds().Count(),
	}
}

// Block returns the canonical bytes of a block and their hash, which has been
// checked against them.
func (s *Store) Block(token string, index uint64) ([]byte, chain.Hash, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return nil, chain.Hash{}, err
	}
	hash, canonical, err := s.block(blockKey{h.Number, index})
	return canonical, hash, err
}

// Blocks calls yield for the blocks from, from+1, … up to limit of them (0:
// up to the newest at the time of the call), oldest first. The bytes are
// checked against their hash and must not be changed. The store is free while
// yield runs.
func (s *Store) Blocks(token string, from, limit uint64, yield func(index uint64, canonical []byte) error) error {
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
		for _, canonical := range run {
			if err := yield(from, canonical); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}

// readRun reads at least one block from the start of a range, and no more
// than is good to hold at once.
func (s *Store) readRun(token string, from, end uint64) ([][]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return nil, err
	}
	var run [][]byte
	size := 0
	for i := from; i < end && len(run) < readRun && size < readRunBytes; i++ {
		_, canonical, err := s.block(blockKey{h.Number, i})
		if err != nil {
			return nil, err
		}
		run = append(run, canonical)
		size += len(canonical)
	}
	return run, nil
}

// NextDue is the earliest time at which a block is due or a hold expires, in
// any chain.
func (s *Store) NextDue() (micros int64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, h := range s.heads {
		if due, is := h.Due(); is && (!ok || due < micros) {
			micros, ok = due, true
		}
		if first, is := h.Holds().First(); is && (!ok || first.Until*1_000_000 < micros) {
			micros, ok = first.Until*1_000_000, true
		}
	}
	return micros, ok
}
