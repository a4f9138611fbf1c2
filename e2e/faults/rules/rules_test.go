package rules

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/e2e/faults/history"
)

// submitted is an attempt to send ten units from w1 to w2.
func submitted(began, ended int, id string, v history.Verdict) history.Op {
	return history.Op{Kind: history.Submit, Began: time.Duration(began), Ended: time.Duration(ended), ID: id, Verdict: v,
		Node: "n1", Sender: "w1", To: "w2", Units: 10, Became: "transfer"}
}

func acked(began, ended int, id string, position int) history.Op {
	op := submitted(began, ended, id, history.Done)
	op.Block, op.Position = 2, position
	return op
}

func refused(began, ended int, id, code string) history.Op {
	op := submitted(began, ended, id, history.Refused)
	op.Code = code
	return op
}

// decides is an accept of hold h.
func decides(began, ended int, id string, v history.Verdict, code string) history.Op {
	op := submitted(began, ended, id, v)
	op.Of, op.Code, op.Became, op.Block, op.Position = "h", code, "delivery", 2, 1
	return op
}

func read(began, ended int, balance int64) history.Op {
	return history.Op{Kind: history.Balance, Verdict: history.Done, Began: time.Duration(began), Ended: time.Duration(ended), Account: "w2", Balance: balance}
}

func length(began, ended, n int) history.Op {
	return history.Op{Kind: history.Length, Verdict: history.Done, Began: time.Duration(began), Ended: time.Duration(ended), Records: n}
}

func stands(began, ended int, how string) history.Op {
	return history.Op{Kind: history.Hold, Verdict: history.Done, Began: time.Duration(began), Ended: time.Duration(ended), ID: "h", Stands: how}
}

func status(began, ended int, v history.Verdict, code string) history.Op {
	return history.Op{Kind: history.Status, Verdict: v, Code: code, Began: time.Duration(began), Ended: time.Duration(ended), ID: "a", Node: "n1", Block: 2}
}

// recorded are transfers of ten units from w1 to w2, in block 2.
func recorded(ids ...string) (all []Record) {
	for i, id := range ids {
		all = append(all, Record{Place: Place{2, i, i + 1}, ID: id, Kind: "transfer", Sender: "w1", Recipient: "w2", Units: 10,
			Moves: map[string]int64{"w1": -10, "w2": 10}})
	}
	return all
}

// set is how z, which sets the rules of w1, was acknowledged.
func set(began, ended int) history.Op {
	op := acked(began, ended, "z", 0)
	op.Became, op.To, op.Units = "rules", "", 0
	return op
}

// ruled is the one record by which w1 gets these rules.
func ruled(r history.Rules) []Record {
	return []Record{{Place: Place{2, 0, 1}, ID: "z", Kind: "rules", Sender: "w1", Set: &Set{"w1", r}}}
}

// shows is a linearizable read of w1.
func shows(began, ended int, r history.Rules) history.Op {
	return history.Op{Kind: history.Balance, Verdict: history.Done, Began: time.Duration(began), Ended: time.Duration(ended), Account: "w1", Rules: &r}
}

func old(op history.Op) history.Op { op.Local = true; return op }

// Each rule has a history that breaks it, beside one that does not.
func TestEachRuleFindsAHistoryThatBreaksIt(t *testing.T) {
	one, two := recorded("a"), recorded("a", "b")
	hold := []Record{
		{Place: Place{2, 0, 1}, ID: "h", Kind: "hold", Sender: "w1", Recipient: "w2", Units: 10, Moves: map[string]int64{"w1": -10}},
		{Place: Place{2, 1, 2}, ID: "y", Kind: "delivery", Hold: "h", Sender: "w1", Recipient: "w2", Units: 10, Moves: map[string]int64{"w2": 10}},
	}
	opened := acked(1, 2, "h", 0)
	opened.Became = "hold"
	more := acked(1, 2, "a", 0)
	more.Units = 11
	other := acked(1, 2, "a", 0)
	other.Became = "refund"
	frozen := ruled(history.Rules{Frozen: true})
	limited := func(most int64) []Record { return ruled(history.Rules{PerTransfer: most}) }
	short := map[string]string{"a": "insufficient_funds"}
	for _, c := range []struct {
		name    string
		rule    string // "": none is broken
		ops     []history.Op
		records []Record
		refused map[string]string
		earlier string
	}{
		{name: "acknowledged", ops: []history.Op{acked(1, 2, "a", 0)}, records: one},
		{name: "acknowledged, and missing", rule: Missing, ops: []history.Op{acked(1, 2, "a", 0)}},
		{name: "acknowledged, and another amount", rule: Changed, ops: []history.Op{more}, records: one},
		{name: "acknowledged, and another kind", rule: Changed, ops: []history.Op{other}, records: one},
		{name: "acknowledged at another place", rule: NeverBack, ops: []history.Op{acked(1, 2, "a", 7)}, records: one},
		{name: "unknown, and there", ops: []history.Op{submitted(1, 2, "a", history.Unknown)}, records: one},
		{name: "unknown, and not there", ops: []history.Op{submitted(1, 2, "a", history.Unknown)}},
		{name: "twice", rule: Twice, ops: []history.Op{acked(1, 2, "a", 0)}, records: recorded("a", "a")},
		{name: "asked for by nobody", rule: Nobody, records: one},
		{name: "asked for in a window before", records: one, earlier: "a"},
		{name: "an expiry", records: []Record{{Place: Place{2, 0, 1}, ID: "x", Kind: "refund", Reason: "expired"}}},
		{name: "refused", ops: []history.Op{refused(1, 2, "a", "insufficient_funds")}, refused: short},
		{name: "refused, and there", rule: StaysRefused, ops: []history.Op{refused(1, 2, "a", "insufficient_funds")}, records: one},
		{name: "refused, and forgotten", rule: StaysRefused, ops: []history.Op{refused(1, 2, "a", "insufficient_funds")}},
		{name: "refused for two reasons", rule: StaysRefused, ops: []history.Op{refused(1, 2, "a", "insufficient_funds"), refused(3, 4, "a", "hold_rejected")}, refused: short},
		{name: "not applied", ops: []history.Op{submitted(1, 2, "a", history.NotApplied)}},
		{name: "not applied, and there", rule: NotHidden, ops: []history.Op{submitted(1, 2, "a", history.NotApplied), submitted(3, 4, "a", history.NotApplied)}, records: one},
		{name: "not applied, then unknown", ops: []history.Op{submitted(1, 2, "a", history.NotApplied), submitted(3, 4, "a", history.Unknown)}, records: one},
		{name: "known", ops: []history.Op{acked(1, 2, "a", 0), status(3, 4, history.Done, "")}, records: one},
		{name: "known, and gone", rule: NeverBack, ops: []history.Op{submitted(1, 2, "a", history.Unknown), status(3, 4, history.Done, "")}},
		{name: "known, and unheard of later", rule: NeverBack, ops: []history.Op{acked(1, 2, "a", 0), status(3, 4, history.Refused, "not_found")}, records: one},
		{name: "known, and not yet at another node", ops: []history.Op{acked(1, 2, "a", 0), old(status(3, 4, history.Refused, "not_found"))}, records: one},
		{name: "unheard of before", ops: []history.Op{status(0, 1, history.Refused, "not_found"), acked(2, 3, "a", 0)}, records: one},
		{name: "said to be refused, and there", rule: NeverBack, ops: []history.Op{submitted(1, 2, "a", history.Unknown), status(3, 4, history.Done, "insufficient_funds")}, records: one},
		{name: "one after the other", ops: []history.Op{acked(1, 2, "a", 0), acked(3, 4, "b", 1)}, records: two},
		{name: "the later one before", rule: InOrder, ops: []history.Op{acked(1, 2, "b", 1), acked(3, 4, "a", 0)}, records: two},
		{name: "beside each other", ops: []history.Op{acked(1, 4, "b", 1), acked(3, 5, "a", 0)}, records: two},
		{name: "read before", ops: []history.Op{read(0, 1, 0), acked(2, 3, "a", 0)}, records: one},
		{name: "read a balance of before", rule: Linearizable, ops: []history.Op{acked(1, 2, "a", 0), read(3, 4, 0)}, records: one},
		{name: "read a balance of before, and may", ops: []history.Op{acked(1, 2, "a", 0), old(read(3, 4, 0))}, records: one},
		{name: "read what nobody has said yet", ops: []history.Op{submitted(1, 9, "a", history.Unknown), read(3, 4, 10)}, records: one},
		{name: "read, and then older", rule: Linearizable, ops: []history.Op{submitted(1, 9, "a", history.Unknown), read(2, 3, 10), read(4, 5, 0)}, records: one},
		{name: "read what never was", rule: Linearizable, ops: []history.Op{submitted(1, 9, "a", history.Unknown), read(2, 3, 7)}, records: one},
		{name: "read a write that has not begun", rule: Linearizable, ops: []history.Op{read(1, 2, 10), acked(3, 4, "a", 0)}, records: one},
		{name: "a length of before", rule: Linearizable, ops: []history.Op{acked(1, 2, "a", 0), length(3, 4, 0)}, records: one},
		{name: "a length", ops: []history.Op{acked(1, 2, "a", 0), length(3, 4, 1)}, records: one},
		{name: "too little, and it was", ops: []history.Op{acked(1, 2, "b", 0), refused(3, 4, "a", "insufficient_funds")}, records: recorded("b"), refused: short},
		{name: "too little, and it was enough", rule: Linearizable, ops: []history.Op{func() history.Op {
			op := refused(3, 4, "a", "insufficient_funds")
			op.Units = -10 // w1 has ten less than nothing at the end
			return op
		}()}, refused: short},
		{name: "a hold delivered", ops: []history.Op{opened, stands(3, 4, "pending"), decides(5, 6, "y", history.Done, ""), stands(7, 8, "hold_delivered")}, records: hold},
		{name: "a hold that is pending after its delivery", rule: Linearizable, ops: []history.Op{opened, decides(5, 6, "y", history.Done, ""), stands(7, 8, "pending")}, records: hold},
		{name: "a second decision", ops: []history.Op{opened, decides(5, 6, "y", history.Done, ""), decides(7, 8, "a", history.Refused, "hold_delivered")}, records: hold, refused: map[string]string{"a": "hold_delivered"}},
		{name: "a second decision, before the first", rule: Linearizable, ops: []history.Op{opened, decides(3, 4, "a", history.Refused, "hold_delivered"), decides(5, 6, "y", history.Done, "")}, records: hold, refused: map[string]string{"a": "hold_delivered"}},
		{name: "a second decision, refused as what was not", rule: Linearizable, ops: []history.Op{opened, decides(5, 6, "y", history.Done, ""), decides(7, 8, "a", history.Refused, "hold_rejected")}, records: hold, refused: map[string]string{"a": "hold_rejected"}},
		{name: "frozen", ops: []history.Op{set(1, 2), refused(3, 4, "a", "account_frozen")}, records: frozen, refused: map[string]string{"a": "account_frozen"}},
		{name: "frozen only afterwards", rule: Linearizable, ops: []history.Op{refused(1, 2, "a", "account_frozen"), set(3, 4)}, records: frozen, refused: map[string]string{"a": "account_frozen"}},
		{name: "more than the limit", ops: []history.Op{set(1, 2), refused(3, 4, "a", "limit_per_transfer")}, records: limited(9), refused: map[string]string{"a": "limit_per_transfer"}},
		{name: "as much as the limit", rule: Linearizable, ops: []history.Op{set(1, 2), refused(3, 4, "a", "limit_per_transfer")}, records: limited(10), refused: map[string]string{"a": "limit_per_transfer"}},
		{name: "without a limit", rule: Linearizable, ops: []history.Op{set(1, 2), refused(3, 4, "a", "limit_per_transfer")}, records: limited(0), refused: map[string]string{"a": "limit_per_transfer"}},
		{name: "rules that are read", ops: []history.Op{shows(0, 1, history.Rules{Receive: "auto"}), set(2, 3), shows(4, 5, history.Rules{PerTransfer: 9})}, records: limited(9)},
		{name: "rules of before", rule: Linearizable, ops: []history.Op{set(1, 2), shows(3, 4, history.Rules{Receive: "auto"})}, records: limited(9)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := Window{Ops: c.ops, Records: c.records, Refused: c.refused, Earlier: map[string]bool{c.earlier: true}, Places: map[string]Place{}, Holds: map[string]Life{}}
			for _, r := range c.records {
				w.Places[r.ID] = r.Place
				if r.Kind == "hold" {
					w.Holds[r.ID] = Life{Opened: r.Order, Ended: r.Order + 1, How: "hold_delivered"}
				}
			}
			breaks(t, c.rule, Check(w))
		})
	}
}

// breaks checks that the first finding is of a rule, or that there is none.
func breaks(t *testing.T, rule string, found []Finding) {
	t.Helper()
	if rule == "" {
		require.Empty(t, found)
		return
	}
	require.NotEmpty(t, found)
	require.Equal(t, rule, found[0].Rule, "%v", found)
}

func TestBlocksThatAreLate(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	blocks := []Block{{1, at(0)}, {2, at(500)}, {3, at(4000)}}
	for _, c := range []struct {
		name    string
		rule    string
		blocks  []Block
		without []Spell
	}{
		{"on time", "", blocks[:2], nil},
		{"late", OnSchedule, blocks, nil},
		{"without a majority", "", blocks, []Spell{{at(600), at(2500)}}},
		{"without one long before", OnSchedule, blocks, []Spell{{at(0), at(400)}}},
		{"without one, and then late all the same", OnSchedule, []Block{{2, at(500)}, {3, at(9000)}}, []Spell{{at(600), at(2500)}}},
		{"one spell after the other", "", []Block{{2, at(500)}, {3, at(6000)}}, []Spell{{at(3000), at(4500)}, {at(600), at(2500)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			breaks(t, c.rule, Schedule(c.blocks, 500*time.Millisecond, 1500*time.Millisecond, c.without))
		})
	}
}

func TestStreamsAndPages(t *testing.T) {
	want := []Event{{2, 0, "a"}, {2, 1, "b"}, {2, -1, "hash"}}
	for name, c := range map[string]struct {
		rule  string
		got   []Event
		short error
	}{
		"all":            {"", want, nil},
		"some":           {"", want[:2], nil},
		"no more of it":  {OnceInOrder, want[:2], errors.New("he has 2 of 3")},
		"more than that": {"", append(want[:3:3], Event{3, -1, "next"}), nil},
		"one twice":      {OnceInOrder, []Event{want[0], want[0], want[1]}, nil},
		"one left out":   {OnceInOrder, []Event{want[0], want[2]}, nil},
		"turned around":  {OnceInOrder, []Event{want[1], want[0]}, nil},
		"another":        {OnceInOrder, []Event{{2, 0, "z"}}, nil},
	} {
		t.Run(name, func(t *testing.T) { breaks(t, c.rule, Stream("s", c.got, want, c.short)) })
	}
	ids := []string{"a", "b", "c"}
	breaks(t, "", Pages("p", ids[:2], ids, 2))
	breaks(t, OnceInOrder, Pages("p", ids[:1], ids, 2))
	breaks(t, OnceInOrder, Pages("p", []string{"a", "a"}, ids, 0))
	breaks(t, OnceInOrder, Pages("p", []string{"b"}, ids, 0))
	breaks(t, OnceInOrder, Pages("p", append(ids, "d"), ids, 0))
}

func TestCheckpoints(t *testing.T) {
	tree := &Tree{}
	for i := range 7 {
		require.NoError(t, tree.Add(fmt.Appendf(nil, "header %d", i)))
	}
	of := func(size int, root string) []Checkpoint {
		return []Checkpoint{{Node: "n1", Origin: "o", Size: size, Root: root}}
	}
	breaks(t, "", Checkpoints(of(5, tree.Root(5)), "o", tree))
	breaks(t, OneRoot, Checkpoints(of(5, tree.Root(4)), "o", tree))
	breaks(t, OneRoot, Checkpoints(of(8, tree.Root(7)), "o", tree))
	breaks(t, OneRoot, Checkpoints(of(0, ""), "o", tree))
	breaks(t, OneRoot, Checkpoints(of(5, tree.Root(5)), "another", tree))
}

func TestWitnesses(t *testing.T) {
	at := func(node string, sizes ...int) (seen []Checkpoint) {
		for _, size := range sizes {
			seen = append(seen, Checkpoint{Node: node, Size: size})
		}
		return seen
	}
	breaks(t, "", Cosigned(append(at("w1", 3, 3, 9), at("w2", 2, 4)...)))
	breaks(t, Remembers, Cosigned(append(at("w2", 2), at("w1", 3, 9, 8)...)))
}
