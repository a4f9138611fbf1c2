package store

import "github.com/bpsc/bpsc/chain"

// readFound reads what was found, in its order, and returns how much of it was
// read. It reads the first record whatever that costs, and stops where that
// and the others come to w.bytes.
func (s *Store) readFound(token string, w *walk) (out []chain.HistoryRecord, n int, err error) {
	wanted := w.found[:min(len(w.found), w.need-1)]
	at := make([]Placement, len(wanted))
	for i, p := range wanted {
		at[i] = Placement{Block: p.at.block(), Position: p.at.position()}
	}
	for n < len(wanted) && w.bytes > 0 {
		texts, size, err := s.records(token, at[n:], w.bytes)
		if err != nil {
			return nil, 0, err
		}
		if out, err = w.appendRecords(out, wanted[n:], texts); err != nil {
			return nil, 0, err
		}
		n += len(texts)
		w.bytes -= size
	}
	return out, n, nil
}

// appendRecords appends those of the records that are the account's.
func (w *walk) appendRecords(out []chain.HistoryRecord, found []posting, texts [][]byte) ([]chain.HistoryRecord, error) {
	for i, text := range texts {
		at := found[i].at
		record, err := chain.DecodeRecord(text, w.decimals)
		if err != nil {
			return nil, err
		}
		m := mentionOf(&record)
		if w.wants(m.tagsFor(w.account)) {
			out = append(out, chain.HistoryRecord{Record: record, Block: at.block(), Position: at.position(), Pending: at >= w.pending, Cursor: at.cursor()})
		}
	}
	return out, nil
}
