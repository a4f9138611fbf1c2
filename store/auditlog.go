package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

func auditKey(number uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{keys.AuditTable}, number))
}

// loadAudit reads the audit log, which is in memory.
func (l *loaded) loadAudit(db *engine.DB) error {
	return engine.Scan(db, []byte{keys.AuditTable}, func(key, row []byte) error {
		e, err := auditlog.Decode(row)
		if err != nil || string(key) != auditKey(e.Number) {
			return fmt.Errorf("%w: entry of the audit log: %w", engine.ErrCorrupt, err)
		}
		if n := len(l.audit); n > 0 && l.audit[n-1].Number+1 != e.Number {
			return fmt.Errorf("%w: entry %d of the audit log is missing", engine.ErrCorrupt, l.audit[n-1].Number+1)
		}
		l.audit = append(l.audit, e)
		return nil
	})
}

// AuditLog returns at most limit entries of the audit log from a number on, the oldest
// first, and tells whether there are more.
func (s *Store) AuditLog(from uint64, limit int) (page []auditlog.Entry, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rest := s.audit[auditPlace(s.audit, from):]
	return slices.Clone(rest[:min(limit, len(rest))]), len(rest) > limit
}

// auditPlace is where the first entry with that number or a greater one stands.
func auditPlace(entries []auditlog.Entry, number uint64) int {
	if len(entries) == 0 || number <= entries[0].Number {
		return 0
	}
	return int(min(number-entries[0].Number, uint64(len(entries))))
}

// AddAudit appends an entry, and drops the oldest ones where there are more than keep. It
// returns the number.
func (tx *Tx) AddAudit(a auditlog.Action, keep int) (e auditlog.Entry) {
	s := tx.s
	e = auditlog.Entry{Number: 1, Time: int64(tx.Time()), Action: a}
	if n := len(s.audit); n > 0 {
		e.Number = s.audit[n-1].Number + 1
	}
	s.audit = append(s.audit, e)
	s.active.setRow(auditKey(e.Number), e.Encode())
	for len(s.audit) > keep {
		s.active.setRow(auditKey(s.audit[0].Number), nil)
		s.audit = s.audit[1:]
	}
	return e
}

// Audit returns the entry with a number, if it is kept.
func (tx *Tx) Audit(number uint64) (e auditlog.Entry, ok bool) {
	i := auditPlace(tx.s.audit, number)
	if i == len(tx.s.audit) || tx.s.audit[i].Number != number {
		return e, false
	}
	return tx.s.audit[i], true
}

// SetAudit replaces an entry that is kept.
func (tx *Tx) SetAudit(e auditlog.Entry) {
	tx.s.audit[auditPlace(tx.s.audit, e.Number)] = e
	tx.s.active.setRow(auditKey(e.Number), e.Encode())
}
