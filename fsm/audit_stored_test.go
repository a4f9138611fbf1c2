package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// audited is the audit of all blocks of a chain.
func audited(t require.TestingT, s *store.Store, token string) *Auditor {
	a := NewAuditor()
	require.NoError(t, s.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		_, err := a.Next(canonical)
		return err
	}))
	return a
}

func TestEveryStateIsWhatItsBlocksComeTo(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	rapid.Check(t, func(t *rapid.T) {
		r := newReplica(t)
		for _, s := range drawSteps(t) {
			r.apply(s)
		}
		require.NoError(t, r.store.Close())
		r.open()
		for _, info := range r.store.Contracts() {
			require.NoError(t, audited(t, r.store, info.Contract.Token).Compare(r.store), info.Contract.Token)
			require.NoError(t, madeBeside(t, r.store, info.Contract.Token), info.Contract.Token)
		}
		require.NoError(t, r.store.Close())
	})
}

func TestEverySignedStateIsWhatItsBlocksComeTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "draw") }
		w := newTown(`,"schedule":{"transactions":3}`, true)
		r := newReplica(t)
		now := chain.Micros(1_800_000_000 * second)
		r.apply(step{now, []command.Request{&command.Create{Contract: []byte(w.contract)}}})
		w.chainID, w.model = mustInfo(t, r.store, "aka").ID, newSignedModel(w.c)
		var holds []chain.ID
		for range 1 + draw(15) {
			now += chain.Micros(draw(3600)) * second
			batch := []chain.Transaction{w.transaction(draw, now, holds)}
			r.apply(step{now, []command.Request{submitRequest("aka", batch...)}})
			holds = append(holds, batch[0].ID)
		}
		require.NoError(t, r.store.Close())
		r.open()
		require.NoError(t, audited(t, r.store, "aka").Compare(r.store))
		require.NoError(t, madeBeside(t, r.store, "aka"))
		require.NoError(t, r.store.Close())
	})
}

// madeBeside is an audit into a store beside the one that is kept.
func madeBeside(t require.TestingT, kept *store.Store, token string) error {
	f := newFollowerRig(t)
	defer func() { require.NoError(t, f.store.Close()) }()
	_, err := f.Adopt(token, f.check(token, blocksOf(t, kept, token)))
	require.NoError(t, err)
	pending, err := kept.Pending(token)
	require.NoError(t, err)
	if err := f.TakePending(token, pending); err != nil {
		return err
	}
	require.NoError(t, f.store.Close())
	f.open()
	return SameState(kept, f.store, token)
}

// What somebody changes in the state, and not in the blocks, is found.
func TestAStateThatIsNotWhatItsBlocksComeTo(t *testing.T) {
	for name, tc := range map[string]struct {
		says   string
		change func(h *store.Head, l headLedger)
	}{
		"a larger balance": {`account "bob" has`, func(_ *store.Head, l headLedger) {
			now := l.Account("bob")
			now.Balance += 1
			l.SetAccount("bob", l.Account("bob"), now)
		}},
		"an account more": {`account "eve" has`, func(_ *store.Head, l headLedger) {
			l.SetAccount("eve", chain.Account{}, chain.Account{Balance: 5})
		}},
		"a wallet's rule": {`account "alice" has`, func(_ *store.Head, l headLedger) {
			now := l.Account("alice")
			now.Wallet = &chain.Wallet{Frozen: true}
			l.SetAccount("alice", l.Account("alice"), now)
		}},
		"a hold that nobody made": {"holds are open", func(_ *store.Head, l headLedger) {
			l.SetHold(chain.DeriveID([]byte("h")), chain.HoldState{Sender: "alice", Amount: 5, Until: 1})
		}},
		"a hold that ended": {"hold ", func(_ *store.Head, l headLedger) {
			l.SetHold(chain.DeriveID([]byte("h")), chain.HoldState{Ended: chain.HoldRejected})
		}},
		"other totals":        {"totals are", func(h *store.Head, _ headLedger) { h.Totals.Fees++ }},
		"another count":       {"records are counted", func(h *store.Head, _ headLedger) { h.Records++ }},
		"another end":         {"end with block", func(h *store.Head, _ headLedger) { h.Hash[0]++ }},
		"a record on its way": {"pending record 1", func(h *store.Head, _ headLedger) { h.Pending.Add(h.Pending.Record(0)) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			require.Empty(t, r.create(`{"token":"aka","wallets":"open"}`).Refused)
			r.send("k1", "alice", "bob", 1_000_000)
			r.apply(&command.Produce{Token: "aka"})
			r.send("k2", "bob", "alice", 1_000)
			require.ErrorContains(t, audited(t, r.store, "aka").Compare(r.store), "in use")
			require.NoError(t, r.store.Close())
			r.open()
			require.NoError(t, audited(t, r.store, "aka").Compare(r.store))

			a := audited(t, r.store, "aka")
			require.NoError(t, r.store.Update(r.index+1, func(tx *store.Tx) error {
				h := tx.Head("aka")
				tc.change(h, headLedger{tx, h})
				return nil
			}))
			if name == "another end" { // a store does not open with it
				err := a.Compare(r.store)
				require.ErrorIs(t, err, chain.ErrInvalid)
				require.ErrorContains(t, err, tc.says)
				return
			}
			require.NoError(t, r.store.Close())
			r.open()
			beside := madeBeside(t, r.store, "aka")
			require.ErrorIs(t, beside, chain.ErrInvalid)
			require.ErrorContains(t, beside, tc.says)
			err := a.Compare(r.store)
			require.ErrorIs(t, err, chain.ErrInvalid)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// Ids decide what may happen again, and an audit in memory does not look at them.
func TestIDsThatAreNotThoseOfTheBlocks(t *testing.T) {
	id := func(text string) chain.ID { return chain.DeriveID([]byte(text)) }
	for name, tc := range map[string]struct {
		says string // "": it is as it may be
		id   chain.ID
		is   store.Placement
	}{
		"one that could be decided again": {"could be decided again", id("k1"), store.Placement{Refused: chain.InsufficientFunds}},
		"one at another place":            {"and is that of 0 of 2", id("k1"), store.Placement{Block: 1}},
		"one that was never decided":      {"and it is not", id("new"), store.Placement{Block: 2, Position: 0}},
		"one that was refused":            {"", id("new"), store.Placement{Refused: chain.InsufficientFunds}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			require.Empty(t, r.create(`{"token":"aka","wallets":"open"}`).Refused)
			r.send("k1", "alice", "bob", 1_000_000)
			r.apply(&command.Produce{Token: "aka"})
			r.send("k2", "bob", "alice", 1_000)
			require.NoError(t, r.store.Close())
			r.open()
			require.NoError(t, r.store.Update(r.index+1, func(tx *store.Tx) error {
				tx.SetPlacement(tx.Head("aka"), tc.id, tc.is)
				return nil
			}))
			require.NoError(t, r.store.Close())
			r.open()
			err := madeBeside(t, r.store, "aka")
			if tc.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, chain.ErrInvalid)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// A snapshot may have rows that are not looked at now: in an epoch that is still to come, or
// beside the one that counts.
func TestIDsInOtherEpochs(t *testing.T) {
	id := func(text string) chain.ID { return chain.DeriveID([]byte(text)) }
	for name, tc := range map[string]struct {
		records uint64 // of an epoch
		id      chain.ID
		is      store.Placement
	}{
		"one that was never decided, in an epoch to come": {1, id("new"), store.Placement{Block: 2}},
		"one that was refused, in an epoch to come":       {1, id("new"), store.Placement{Refused: chain.InsufficientFunds}},
		"one beside the one that counts":                  {0, id("k1"), store.Placement{Refused: chain.InsufficientFunds}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			require.Empty(t, r.create(`{"token":"aka","wallets":"open"}`).Refused)
			r.send("k1", "alice", "bob", 1_000_000)
			r.apply(&command.Produce{Token: "aka"})
			require.NoError(t, r.store.Close())
			s, err := store.Open(store.Config{Dir: r.dir, NoteEvery: testNotes, FilterBytes: testFilter, EpochRecords: tc.records, Log: true})
			require.NoError(t, err)
			require.NoError(t, s.Update(r.index+1, func(tx *store.Tx) error {
				tx.SetPlacement(tx.Head("aka"), tc.id, tc.is)
				return nil
			}))
			require.NoError(t, s.Close())
			r.open()
			err = madeBeside(t, r.store, "aka")
			require.ErrorIs(t, err, chain.ErrInvalid)
			require.ErrorContains(t, err, tc.id.String())
		})
	}
}

func TestAccountThatWasLost(t *testing.T) {
	r := newRig(t)
	require.Empty(t, r.create(`{"token":"aka","wallets":"open"}`).Refused)
	r.send("k1", "alice", "bob", 1_000_000)
	r.apply(&command.Produce{Token: "aka"})
	a := audited(t, r.store, "aka")
	a.accounts["carol"] = chain.Account{Balance: 7}
	require.NoError(t, r.store.Close())
	r.open()
	require.ErrorContains(t, a.Compare(r.store), `account "carol" is missing`)
}
