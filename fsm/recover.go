package fsm

import (
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// recovered marks every chain where somebody made what was left of the cluster go on
// without a majority: the members named are the only ones from here on, all others are
// barred for ever, and the next policy is that of a recovery. The same one again, from a
// member that was stopped before it heard the answer, changes nothing.
func recovered(tx *store.Tx, q *command.Recovered) (answer, error) {
	done := store.Recovery{By: q.By, Reason: q.Reason, Time: q.Time,
		Before: slices.Sorted(slices.Values(q.Before)), After: slices.Sorted(slices.Values(q.After))}
	r, err := chain.NewRecovery(done.By, done.Reason, done.Before, done.After, tx.Time())
	switch last := tx.Recovery(); {
	case err != nil:
		return refuse(err), nil
	case !done.Time.Within():
		return refuse(fmt.Errorf("%w: %d is no time", chain.RecoveryInvalid, done.Time)), nil
	case last != nil && last.Is(&done):
		return answer{}, nil
	}
	// The policy first: a block that the record completes is for the new members to sign.
	tx.SetRecovery(&done, true)
	configure(tx, tx.Index(), done.After, nil)
	for _, h := range tx.Heads() {
		if _, known := tx.Placement(h, r.ID); known {
			continue // somebody has guessed to the microsecond what would be said
		}
		if err := makeRoom(tx, h); err != nil {
			return answer{}, err
		}
		if err := evolve(machineLedger{headLedger{tx, h}}, &h.Contract, &h.Totals, &r); err != nil {
			return answer{}, err
		}
		if _, err := record(tx, h, &r, nil); err != nil {
			return answer{}, err
		}
	}
	return answer{}, tx.Err()
}
