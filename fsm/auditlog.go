package fsm

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/store"
)

// note begins an entry of the audit log, or says how that of a begun one ended. It is
// refused where who is about to do something may not, by what the log has come to: a
// member that is behind does nothing for a token that was revoked.
func note(tx *store.Tx, q *command.Note) (a answer) {
	if q.Of > 0 {
		return refuse(endAction(tx, q))
	}
	if err := q.Check(); err != nil {
		return refuse(fmt.Errorf("%w: %w", chain.AuditEntryInvalid, err))
	}
	switch q.Who {
	case auditlog.Token:
		if _, err := operates(tx, q.Token); err != nil {
			return refuse(err)
		}
	case auditlog.Local:
		if tx.OperateMade() {
			return refuse(fmt.Errorf("%w: there is a token for operators, and since then nobody is one without", chain.TokenRequired))
		}
	}
	e := tx.AddAudit(q.Action, keptAudit)
	foldAll(tx, append([]byte{'l'}, e.Encode()...))
	a.Entry = e.Number
	return a
}

// endAction changes nothing where the entry is not kept any more, or has ended.
func endAction(tx *store.Tx, q *command.Note) (refusal error) {
	if err := auditlog.CheckText(q.Result); err != nil {
		return fmt.Errorf("%w: %w", chain.AuditEntryInvalid, err)
	}
	e, ok := tx.Audit(q.Of)
	if !ok || e.Ended > 0 {
		return nil
	}
	e.Ended, e.Result = int64(tx.Time()), q.Result
	tx.SetAudit(e)
	foldAll(tx, append([]byte{'l'}, e.Encode()...))
	return nil
}
