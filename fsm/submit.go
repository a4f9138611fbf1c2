package fsm

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// submit decides transactions one after the other.
func submit(tx *store.Tx, token string, txs []chain.Transaction) (answer, error) {
	h := tx.Head(token)
	if h == nil {
		return refuse(fmt.Errorf("%w: %q", chain.ContractUnknown, token)), nil
	}
	a := answer{outcomes: make([]outcome, len(txs))}
	for i := range txs {
		var err error
		if a.outcomes[i], err = submitOne(tx, h, &txs[i]); err != nil {
			return answer{}, err
		}
	}
	return a, tx.Err()
}

// submitOne decides one transaction. That its id is new is the first thing
// asked of the state, so that a replay gets its answer whatever has changed
// since.
func submitOne(tx *store.Tx, h *store.Head, t *chain.Transaction) (outcome, error) {
	if err := t.Validate(); err != nil {
		return refusedOutcome(err), nil
	}
	if p, known := tx.Placement(h, t.ID); known {
		return replay(tx, h, t, p)
	}
	r, err := chain.NewTransfer(&h.Contract, t)
	if err != nil {
		return refusedOutcome(err), nil
	}
	if err := makeRoom(tx, h); err != nil {
		return outcome{}, err
	}
	if err := evolve(headLedger{tx, h}, &h.Contract, &h.Totals, &r); err != nil {
		return refuseForGood(tx, h, t, err), tx.Err()
	}
	return record(tx, h, &r)
}

// record puts a decided record among the pending ones, and produces the block
// it completes.
func record(tx *store.Tx, h *store.Head, r *chain.Record) (outcome, error) {
	var buf [1024]byte
	text := chain.AppendRecord(buf[:0], r, h.Contract.Decimals)
	p := store.Placement{Block: h.Index + 1, Position: h.Pending.Count()}
	if p.Position == 0 {
		h.PendingSince = tx.Time()
	}
	h.Pending.Add(text)
	h.Records++
	h.Touch()
	tx.SetPlacement(h, r.ID, p)
	completed, err := produceFull(tx, h)
	return outcome{placement: p, completed: completed}, err
}

// replay answers an id that has been decided: the same answer for the same
// content, a refusal for any other.
func replay(tx *store.Tx, h *store.Head, t *chain.Transaction, p store.Placement) (outcome, error) {
	same := p.Content == content(t)
	if p.Refused == "" {
		r, err := chain.DecodeRecord(tx.Record(h, p), h.Contract.Decimals)
		if err != nil {
			return outcome{}, errors.Join(err, tx.Err())
		}
		same = r.Sender == t.Sender && r.Recipient == t.Recipient && r.AmountSend == t.Amount && r.Memo == t.Memo
	}
	if !same {
		return refusedOutcome(chain.IDReused), nil
	}
	// Where one record fills a block, each one completed its own.
	return outcome{placement: p, replay: true, completed: h.Contract.Schedule.Transactions == 1}, nil
}

// refuseForGood refuses for a reason that lies in the state. The state may
// change, the answer does not: a transaction that a client believes failed
// never happens later.
func refuseForGood(tx *store.Tx, h *store.Head, t *chain.Transaction, reason error) outcome {
	o := refusedOutcome(reason)
	o.placement.Content = content(t)
	tx.SetPlacement(h, t.ID, o.placement)
	return o
}

func refusedOutcome(reason error) outcome {
	code, _ := codeOf(reason)
	return outcome{placement: store.Placement{Refused: code}}
}

// content is a fingerprint of what a transaction asks for, its id aside.
func content(t *chain.Transaction) chain.Hash {
	var b []byte
	for _, s := range []string{t.Sender, t.Recipient, t.Memo} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return sha256.Sum256(binary.AppendUvarint(b, uint64(t.Amount)))
}

// codeOf finds the stable code in an error; every refusal has one.
func codeOf(err error) (chain.Code, bool) {
	var code chain.Code
	ok := errors.As(err, &code)
	return code, ok
}
