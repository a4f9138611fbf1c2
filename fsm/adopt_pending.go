package fsm

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// TakePending adopts final records that no block holds yet, as the block that would hold
// them. They become part of the books and of no block, so no block can be adopted after
// them.
func (a *Adopter) TakePending(token string, records []chain.Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var bad error // of a record: the store goes on
	err := a.store.Update(a.store.AppliedIndex()+1, func(tx *store.Tx) error {
		h := tx.Head(token)
		if h == nil {
			bad = fmt.Errorf("%w: %q", chain.ContractUnknown, token)
			return nil
		}
		v := chain.ResumeVerifier(chain.Info{Contract: h.Contract, ID: h.ID, Length: h.Index, Tip: h.Hash, TipTimestamp: h.Timestamp})
		var b *chain.Block
		if b, bad = a.scratch.tryPending(headLedger{tx, h}, &v, records); bad != nil || b == nil {
			return tx.Err()
		}
		a.scratch.commit(headLedger{tx, h}, b)
		h.Totals = a.scratch.totals
		h.Records += uint64(len(records))
		return nil
	})
	if err != nil {
		return err
	}
	return bad
}

// tryPending audits final records as the block that would hold them, and returns that;
// nil for none.
func (s *scratch) tryPending(below books, v *chain.Verifier, records []chain.Record) (*chain.Block, error) {
	if len(records) == 0 {
		return nil, nil
	}
	b := &chain.Block{Records: records, Header: chain.Header{Index: v.Length() + 1, Timestamp: chain.MaxTimestamp,
		PreviousHash: v.Tip().String(), Totals: &chain.Totals{}, Trigger: chain.ByRequest, HasRoot: true}}
	var root chain.RootBuilder
	for i := range records {
		root.Add(chain.AppendRecord(nil, &records[i], v.Contract.Decimals))
	}
	b.Root = root.Root()
	c, err := v.Check(b.Append(nil, v.Contract.Decimals))
	if err == nil {
		err = v.CheckPending(c)
	}
	if err != nil {
		return nil, fmt.Errorf("pending records: %w", err)
	}
	s.start(below, &v.Contract)
	for i := range records {
		if err := s.record(&records[i]); err != nil {
			return nil, fmt.Errorf("%w: pending %w", chain.ErrInvalid, &chain.RecordError{Position: i, Err: err})
		}
	}
	return b, nil
}
