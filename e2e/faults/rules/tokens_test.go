package rules

import (
	"encoding/hex"
	"testing"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/verify"
)

// sending is a transfer of ten units from w1 to w2 on a day.
func sending(id string, day int64) Record {
	r := recorded(id)[0]
	r.Day = day
	return r
}

// signing is the same, signed with a key.
func signing(id, wallet, key string) Record {
	r := recorded(id)[0]
	r.Signer, r.Key = wallet, key
	return r
}

// of is a record of some kind that changes balances.
func of(kind string, moves map[string]int64) []Record {
	return inOrder(Record{ID: "a", Kind: kind, Units: 10, Moves: moves})
}

// inOrder are records one after the other.
func inOrder(all ...Record) []Record {
	for i := range all {
		all[i].Place = Place{2, i, i + 1}
	}
	return all
}

func TestWalletsAndTokens(t *testing.T) {
	public := make([]byte, 32)
	first, own := hex.EncodeToString(public), verify.Address(public)
	sets := func(r history.Rules) Record { return ruled(r)[0] }
	for _, c := range []struct {
		name    string
		rule    string
		records []Record
		w1      history.Rules // before
		sent    Spending      // before
	}{
		{"as much as a day allows", "", inOrder(sending("a", 1), sending("b", 1)), history.Rules{PerDay: 20}, nil},
		{"more than a day allows", Bounded, inOrder(sending("a", 1), sending("b", 1)), history.Rules{PerDay: 19}, nil},
		{"as much on the next day", "", inOrder(sending("a", 1), sending("b", 2)), history.Rules{PerDay: 10}, nil},
		{"more with what was sent before", Bounded, inOrder(sending("a", 1)), history.Rules{PerDay: 20}, Spending{"w1": {1, 11}}},
		{"more with what was sent the day before", "", inOrder(sending("a", 2)), history.Rules{PerDay: 20}, Spending{"w1": {1, 11}}},
		{"more with what was sent without a limit", "", inOrder(sending("a", 1), sets(history.Rules{PerDay: 10}), sending("b", 1)), history.Rules{}, nil},
		{"more than a limit of this moment", Bounded, inOrder(sets(history.Rules{PerDay: 9}), sending("a", 1)), history.Rules{}, nil},
		{"as much as is allowed at once", "", inOrder(sending("a", 1)), history.Rules{PerTransfer: 10}, nil},
		{"more than is allowed at once", Bounded, inOrder(sending("a", 1)), history.Rules{PerTransfer: 9}, nil},

		{"the key of its address", "", inOrder(signing("a", own, first)), history.Rules{}, nil},
		{"the key of another address", OldKeys, inOrder(signing("a", "w1", first)), history.Rules{}, nil},
		{"the new key", "", inOrder(signing("a", "w1", "bb")), history.Rules{Key: "bb"}, nil},
		{"the old key", OldKeys, inOrder(signing("a", "w1", "aa")), history.Rules{Key: "bb"}, nil},
		{"the old key, just before", "", inOrder(signing("a", "w1", "aa"), sets(history.Rules{Key: "bb"})), history.Rules{Key: "aa"}, nil},
		{"the old key, just after", OldKeys, inOrder(sets(history.Rules{Key: "bb"}), signing("a", "w1", "aa")), history.Rules{Key: "aa"}, nil},

		{"somebody gets more than was sent", Conserved, of("transfer", map[string]int64{"w1": -10, "w2": 11}), history.Rules{}, nil},
		{"tokens are issued", "", of("issue", map[string]int64{"w2": 10}), history.Rules{}, nil},
		{"tokens are issued, and nobody gets them", Conserved, of("issue", nil), history.Rules{}, nil},
		{"more than was issued", Conserved, of("issue", map[string]int64{"w2": 20}), history.Rules{}, nil},
		{"fees are burned", "", of("burn", map[string]int64{"fees": -10}), history.Rules{}, nil},
		{"fees are burned, and stay", Conserved, of("burn", nil), history.Rules{}, nil},
		{"fees are spent", "", of("spend", map[string]int64{"fees": -10, "w2": 10}), history.Rules{}, nil},
		{"fees are spent, and stay", Conserved, of("spend", map[string]int64{"w2": 10}), history.Rules{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := Window{Records: c.records, Wallets: map[string]history.Rules{"w1": c.w1}, Sent: c.sent, Earlier: map[string]bool{}, Places: map[string]Place{}}
			for _, r := range c.records {
				w.Places[r.ID], w.Earlier[r.ID] = r.Place, true
			}
			breaks(t, c.rule, Check(w))
		})
	}
}

func TestRefusalsOfWalletsAndTokens(t *testing.T) {
	signed := func(began, ended int, key string) history.Op {
		op := refused(began, ended, "a", "key_wrong")
		op.Key = key
		return op
	}
	limited, sent := ruled(history.Rules{PerDay: 15})[0], sending("b", 1)
	keyed := []Record{ruled(history.Rules{Key: "bb"})[0]}
	for _, c := range []struct {
		name    string
		rule    string
		ops     []history.Op
		records []Record
		fees    int64
	}{
		{"what is left of the day is too little", "", []history.Op{set(1, 2), acked(3, 4, "b", 1), refused(5, 6, "a", "limit_per_day")}, inOrder(limited, sent), 0},
		{"what is left of the day is enough", Linearizable, []history.Op{set(1, 2), refused(3, 4, "a", "limit_per_day"), acked(5, 6, "b", 1)}, inOrder(limited, sent), 0},
		{"nothing is set for the day", Linearizable, []history.Op{refused(3, 4, "a", "limit_per_day")}, nil, 0},
		{"the old key after the rotation", "", []history.Op{set(1, 2), signed(3, 4, "aa")}, keyed, 0},
		{"the old key while it is rotated", "", []history.Op{set(1, 9), signed(3, 4, "aa")}, keyed, 0},
		{"the new key after the rotation", Linearizable, []history.Op{set(1, 2), signed(3, 4, "bb")}, keyed, 0},
		{"the new key while it is rotated", "", []history.Op{set(1, 9), signed(3, 4, "bb")}, keyed, 0},
		{"too few fees", "", []history.Op{refused(1, 2, "a", "insufficient_fees")}, nil, 9},
		{"fees enough", Linearizable, []history.Op{refused(1, 2, "a", "insufficient_fees")}, nil, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := Window{Ops: c.ops, Records: c.records, Fees: "fees", Balances: map[string]int64{"fees": c.fees}, Places: map[string]Place{}, Refused: map[string]string{}}
			for _, r := range c.records {
				w.Places[r.ID] = r.Place
			}
			for _, op := range c.ops {
				if op.Verdict == history.Refused {
					w.Refused[op.ID] = op.Code
				}
			}
			breaks(t, c.rule, Check(w))
		})
	}
}
