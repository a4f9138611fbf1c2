package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/store"
)

// negligent is a cluster that keeps its books well and decides what it is asked
// by the rules, but does of its own duties only what a test makes it do.
type negligent struct {
	*rig
	*town
}

// newNegligent runs a signed contract in which the issuer has everything.
func newNegligent(t *testing.T, options string) *negligent {
	n := &negligent{newRig(t), newTown(options, true)}
	require.Empty(t, n.create(n.contract).Refused)
	n.chainID = mustInfo(t, n.store, "aka").ID
	return n
}

// does changes the state with the clock at so many seconds after the start,
// and nothing that is due happens first.
func (n *negligent) does(at float64, change func(tx *store.Tx, h *store.Head) error) {
	n.t.Helper()
	n.index++
	require.NoError(n.t, n.store.Update(n.index, func(tx *store.Tx) error {
		tx.SetTime(n.now + chain.Micros(at*second))
		return change(tx, tx.Head("aka"))
	}))
}

// decides does what a member does with a transaction.
func (n *negligent) decides(at float64, who *person, t chain.Transaction) chain.ID {
	n.t.Helper()
	t = n.finish(&t, who, 0, n.now.Seconds()+chain.Seconds(at)+3600)
	n.does(at, func(tx *store.Tx, h *store.Head) error {
		o, err := submitOne(tx, h, &draft{t: &t})
		require.Empty(n.t, o.Refused)
		return err
	})
	return t.ID
}

// writes puts down a record that was not decided by the rules.
func (n *negligent) writes(at float64, who *person, key int, t chain.Transaction, decide func(r *chain.Record)) {
	n.t.Helper()
	t = n.finish(&t, who, key, n.now.Seconds()+chain.Seconds(at)+3600)
	r := chain.Record{Kind: t.Kind, ID: t.ID, Sender: t.Sender, Recipient: t.Recipient, Rules: t.Rules, Auth: t.Auth}
	if t.Kind == chain.Transfer {
		var err error
		r, err = chain.NewTransfer(n.c, &t)
		require.NoError(n.t, err)
	}
	r.Time = n.now + chain.Micros(at*second)
	if decide != nil {
		decide(&r)
	}
	n.does(at, func(tx *store.Tx, h *store.Head) error { return n.put(tx, h, r) })
}

func (n *negligent) put(tx *store.Tx, h *store.Head, r chain.Record) error {
	if err := evolve(machineLedger{headLedger{tx, h}}, &h.Contract, &h.Totals, &r); err != nil {
		return err
	}
	_, err := record(tx, h, &r, nil)
	return err
}

// givesBack refunds an expired hold.
func (n *negligent) givesBack(at float64, id chain.ID) {
	n.t.Helper()
	n.does(at, func(tx *store.Tx, h *store.Head) error {
		state, known := tx.Hold(h, id)
		require.True(n.t, known)
		return n.put(tx, h, expire(id, state, tx.Time()))
	})
}

func (n *negligent) produces(at float64, why chain.Trigger) {
	n.t.Helper()
	n.does(at, func(tx *store.Tx, h *store.Head) error { return produce(tx, h, why) })
}

// holds opens a hold that ends after so many seconds.
func (n *negligent) holds(at float64, seconds chain.Seconds) chain.ID {
	return n.decides(at, n.issuer, chain.Transaction{Kind: chain.Hold, Recipient: n.people[1].address, Amount: 10_000, HoldUntil: n.now.Seconds() + seconds})
}

func (n *negligent) transfers(at float64) {
	n.decides(at, n.issuer, n.transferOf(500))
}

func (n *negligent) transferOf(units chain.Amount) chain.Transaction {
	return chain.Transaction{Kind: chain.Transfer, Recipient: n.people[1].address, Amount: units}
}

// ticks moves the clock as a tick does.
func (n *negligent) ticks(at float64) {
	n.t.Helper()
	n.index++
	_, err := n.Apply(n.index, int64(n.now)+int64(at*second), nil)
	require.NoError(n.t, err)
}

// checkers say what is wrong with a chain, each by its own means.
func checkers(t *testing.T, blocks [][]byte) map[string]error {
	complaints := map[string]error{}
	a := NewAuditor()
	for _, b := range blocks {
		if _, err := a.Next(b); err != nil {
			complaints["auditor"] = err
			break
		}
	}
	follower := newFollowerRig(t)
	defer func() { require.NoError(t, follower.store.Close()) }()
	var contract *chain.Contract
	var id chain.Hash
	for _, b := range blocks {
		c, err := chain.CheckBlock(b, contract, id)
		if err == nil {
			_, err = follower.Adopt("aka", []chain.Checked{c})
		}
		if err != nil {
			complaints["follower"] = err
			break
		}
		if contract == nil {
			contract, id = c.Block.Contract, c.Hash
		}
	}
	if _, err := verify.Check(blocks); err != nil {
		complaints["verify"] = err
	}
	return complaints
}
