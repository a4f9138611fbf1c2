package fsm

import (
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// submit decides transactions one after the other.
func submit(tx *store.Tx, token string, txs []chain.Transaction, w *written) (answer, error) {
	h := tx.Head(token)
	if h == nil {
		return refuse(unknownContract(token)), nil
	}
	a := answer{Answer: command.Answer{Outcomes: make([]command.Outcome, len(txs))}}
	if h.Contract.Wallets == chain.SignedWallets {
		a.signed = token
	}
	for i := range txs {
		if next := txs[i:]; i%store.ExpectAhead == 0 && len(next) > 1 {
			tx.Expect(h, next)
		}
		var err error
		d := draft{t: &txs[i]}
		d.text, d.leaf, d.written = w.record(&h.Contract, i)
		if a.Outcomes[i], err = submitOne(tx, h, &d); err != nil {
			return answer{}, err
		}
	}
	return a, tx.Err()
}

// draft is a transaction on its way to become a record, which may have been written
// ahead.
type draft struct {
	t       *chain.Transaction
	written bool
	text    []byte     // of the record, if it is
	leaf    chain.Hash // likewise
}

// submitOne decides one transaction. That its id is new is the first thing
// asked of the state, so that a replay gets its answer whatever has changed
// since.
func submitOne(tx *store.Tx, h *store.Head, d *draft) (command.Outcome, error) {
	t := d.t
	if !d.written {
		if err := t.Validate(&h.Contract); err != nil {
			return refusedOutcome(err), nil
		}
	}
	if p, known := tx.Placement(h, t.ID); known {
		return replay(h, d, p), nil
	}
	l := machineLedger{headLedger{tx, h}}
	r, err := decide(input{l, &h.Contract, t, tx.Time()})
	if err == nil {
		if err := makeRoom(tx, h); err != nil {
			return command.Outcome{}, err
		}
		err = evolve(l, &h.Contract, &h.Totals, &r)
	}
	if err != nil {
		return refuseForGood(tx, h, t, err), tx.Err()
	}
	return record(tx, h, &r, d)
}

// record puts a decided record among the pending ones, and produces the block
// it completes. d is what it comes of, nil where nobody asked.
func record(tx *store.Tx, h *store.Head, r *chain.Record, d *draft) (command.Outcome, error) {
	p := store.Placement{Block: h.Index + 1, Position: h.Pending.Count()}
	if p.Position == 0 {
		h.PendingSince = tx.Time()
	}
	text, leaf := addRecord(h, r, d)
	p.Content = fingerprint(h, leaf)
	h.Records++
	o := command.Outcome{Block: p.Block, Position: p.Position, Record: decided(h, text)}
	tx.SetPlacement(h, r.ID, p)
	var err error
	o.Completed, err = produceFull(tx, h)
	return o, err
}

func addRecord(h *store.Head, r *chain.Record, d *draft) (text []byte, leaf chain.Hash) {
	if d != nil && d.written {
		return h.Pending.AddHashed(d.text, d.leaf), d.leaf
	}
	return h.Pending.AddRecord(r, h.Contract.Decimals)
}

// decided keeps a record's text for the answer where it does not follow from
// the transaction.
func decided(h *store.Head, text []byte) []byte {
	if h.Contract.Wallets == chain.OpenWallets {
		return nil
	}
	return append([]byte(nil), text...)
}

// expireHolds refunds the holds of a chain whose time has come, in the order
// of their expiry and then their id.
func expireHolds(tx *store.Tx, h *store.Head) error {
	for {
		first, ok := h.Holds().First()
		if !ok || first.Until.Micros() > tx.Time() {
			return tx.Err()
		}
		state, _ := tx.Hold(h, first.ID)
		r := expire(first.ID, state, tx.Time())
		if err := makeRoom(tx, h); err != nil {
			return err
		}
		if err := evolve(machineLedger{headLedger{tx, h}}, &h.Contract, &h.Totals, &r); err != nil {
			return fmt.Errorf("hold %s cannot be given back: %w", first.ID, err)
		}
		if _, err := record(tx, h, &r, nil); err != nil {
			return err
		}
	}
}

// replay answers an id that has been decided: the same answer for the same
// content, a refusal for any other. All that it needs stands in the placement,
// so it costs less than a new transaction; a record that has to be told again is
// read outside of Apply, see Machine.encode.
func replay(h *store.Head, d *draft, p store.Placement) command.Outcome {
	asked := fingerprint(h, d.leaf)
	if !d.written {
		asked = content(h, d.t)
	}
	if p.Content != asked {
		return refusedOutcome(chain.IDReused)
	}
	// Where one record fills a block, each one completed its own.
	completed := p.Refused == "" && h.Contract.Schedule.Transactions == 1
	return command.Outcome{Block: p.Block, Position: p.Position, Refused: p.Refused, Replay: true, Completed: completed}
}

// refuseForGood refuses for a reason that lies in the state. The state may
// change, the answer does not: a transaction that a client believes failed
// never happens later.
func refuseForGood(tx *store.Tx, h *store.Head, t *chain.Transaction, reason error) command.Outcome {
	o := refusedOutcome(reason)
	switch o.Refused {
	case chain.AmountTooSmall, chain.Expired, chain.ExpiresTooFar:
		return o // the input or the clock say so, and need no memory to say it again
	case chain.KeyWrong:
		// The id does not cover the key: were this remembered, a stranger who
		// sees signed bytes could spoil them by signing them first.
		return o
	}
	p := store.Placement{Refused: o.Refused, Content: content(h, t)}
	tx.SetPlacement(h, t.ID, p)
	foldRefusal(tx, h, t.ID, p)
	return o
}

func refusedOutcome(reason error) command.Outcome {
	return command.Outcome{Refused: codeOf(reason)}
}

// content is the fingerprint of what a transaction asks for: of the record that
// it becomes, or would have become.
func content(h *store.Head, t *chain.Transaction) (f store.Fingerprint) {
	if h.Contract.Wallets == chain.SignedWallets {
		return f
	}
	r, err := chain.NewTransfer(&h.Contract, t)
	if err != nil {
		return f // it never becomes one
	}
	var buf [1024]byte
	var root chain.RootBuilder
	return fingerprint(h, root.Add(chain.AppendRecord(buf[:0], &r, h.Contract.Decimals)))
}

// fingerprint is the beginning of a record's hash. Where the id is that of the
// content there is none.
func fingerprint(h *store.Head, record chain.Hash) (f store.Fingerprint) {
	if h.Contract.Wallets == chain.OpenWallets {
		copy(f[:], record[:])
	}
	return f
}

// codeOf finds the stable code in a refusal. One without a code would read as
// consent, so it is a fault of this program and ends it.
func codeOf(refusal error) chain.Code {
	var code chain.Code
	if !errors.As(refusal, &code) || code == "" {
		panic(fmt.Sprintf("fsm: a refusal without a code: %v", refusal))
	}
	return code
}
