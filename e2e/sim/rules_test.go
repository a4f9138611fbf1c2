package sim

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/follower/chainsync"
)

// tx is a transfer of ten from w1 to w2, without a fee.
func tx(id byte) chain.Transaction {
	return chain.Transaction{ID: chain.ID{id}, Sender: "w1", Recipient: "w2", Amount: 10}
}

func recorded(id byte, block uint64, position int) placed {
	return placed{chain.Record{Kind: chain.Transfer, ID: chain.ID{id}, Sender: "w1", Recipient: "w2", AmountSend: 10, AmountReceive: 10}, block, position}
}

func at(called, ended int, op operation) operation {
	op.client, op.called, op.ended = "c", time.Duration(called), time.Duration(ended)
	return op
}

func acknowledged(called, ended int, id byte, block uint64, position int) operation {
	return at(called, ended, operation{kind: submit, verdict: done, tx: tx(id), out: chain.Outcome{Block: block, Position: position}})
}

func read(called, ended int, of chain.Amount) operation {
	return at(called, ended, operation{kind: balance, verdict: done, account: "w2", balance: of})
}

// Each rule has a history that breaks it, beside one that does not.
func TestEachRuleFindsAHistoryThatBreaksIt(t *testing.T) {
	one := []placed{recorded(1, 2, 0)}
	two := []placed{recorded(1, 2, 0), recorded(2, 2, 1)}
	gone := at(1, 9, operation{kind: submit, verdict: unknown, tx: tx(1)})
	tooMuch := at(1, 2, operation{kind: submit, verdict: refused, tx: tx(1), code: chain.BalanceOutOfRange})
	remembered := map[chain.ID]chain.Code{{1}: chain.BalanceOutOfRange}
	known := at(3, 4, operation{kind: status, verdict: done, tx: tx(1), out: chain.Outcome{Block: 2}})
	unheard := at(5, 6, operation{kind: status, verdict: refused, tx: tx(1), code: chain.NotFound})
	more := tx(1)
	more.Amount = 11
	again := acknowledged(3, 4, 1, 2, 0)
	again.out.Replay = true
	elsewhere := acknowledged(3, 4, 1, 3, 0)
	elsewhere.out.Replay = true
	stillTooMuch := at(3, 4, operation{kind: submit, verdict: refused, tx: tx(1), code: chain.BalanceOutOfRange, out: chain.Outcome{Replay: true}})
	toldOther := acknowledged(1, 2, 1, 2, 0)
	toldOther.out.Record = recorded(1, 2, 0).Record
	toldOther.out.Record.AmountReceive--
	late := at(1, 2, operation{kind: submit, verdict: refused, tx: tx(1), code: chain.Expired})
	together := &batch{}
	inBatch := func(id byte, position int) operation {
		op := acknowledged(1, 2, id, 2, position)
		op.batch = together
		return op
	}
	for name, c := range map[string]struct {
		rule    string // "": none is broken
		all     []operation
		records []placed
		refused map[chain.ID]chain.Code
		partial bool
		sent    map[chain.ID]bool
	}{
		"acknowledged":                    {all: []operation{acknowledged(1, 2, 1, 2, 0)}, records: one},
		"acknowledged, and missing":       {rule: ruleMissing, all: []operation{acknowledged(1, 2, 1, 2, 0)}},
		"acknowledged, and another":       {rule: ruleChanged, all: []operation{at(1, 2, operation{kind: submit, verdict: done, tx: more, out: chain.Outcome{Block: 2}})}, records: one},
		"acknowledged at another place":   {rule: ruleStatus, all: []operation{acknowledged(1, 2, 1, 1, 0)}, records: one},
		"unknown, and there":              {all: []operation{gone}, records: one},
		"unknown, and not there":          {all: []operation{gone}},
		"twice":                           {rule: ruleTwice, all: []operation{acknowledged(1, 2, 1, 2, 0)}, records: []placed{recorded(1, 2, 0), recorded(1, 2, 1)}},
		"asked for, and not answered yet": {records: one, partial: true, sent: map[chain.ID]bool{{1}: true}},
		"asked for by nobody, yet":        {rule: ruleNobody, records: one, partial: true, sent: map[chain.ID]bool{{2}: true}},
		"asked for by nobody":             {rule: ruleNobody, all: nil, records: one},
		"refused":                         {all: []operation{tooMuch}, refused: remembered},
		"refused, and there":              {rule: ruleRefused, all: []operation{tooMuch}, records: one},
		"refused, and forgotten":          {rule: ruleRefused, all: []operation{tooMuch}},
		"refused as taken, by nobody":     {rule: ruleRefused, all: []operation{at(1, 2, operation{kind: submit, verdict: refused, tx: tx(1), code: chain.IDReused})}},
		"not applied":                     {all: []operation{at(1, 2, operation{kind: submit, verdict: notApplied, tx: tx(1)})}},
		"not applied, and there":          {rule: ruleNot, all: []operation{at(1, 2, operation{kind: submit, verdict: notApplied, tx: tx(1)})}, records: one},
		"not applied, then unknown":       {all: []operation{at(1, 2, operation{kind: submit, verdict: notApplied, tx: tx(1)}), gone}, records: one},
		"known":                           {all: []operation{acknowledged(1, 2, 1, 2, 0), known}, records: one},
		"known, and gone":                 {rule: ruleStatus, all: []operation{gone, known}},
		"known, and unheard of later":     {rule: ruleStatus, all: []operation{acknowledged(1, 2, 1, 2, 0), unheard}, records: one},
		"unheard of before":               {all: []operation{at(0, 1, unheard), acknowledged(2, 3, 1, 2, 0)}, records: one},
		"one after the other":             {all: []operation{acknowledged(1, 2, 1, 2, 0), acknowledged(3, 4, 2, 2, 1)}, records: two},
		"the later one before":            {rule: ruleOrder, all: []operation{acknowledged(1, 2, 2, 2, 1), acknowledged(3, 4, 1, 2, 0)}, records: two},
		"beside each other":               {all: []operation{acknowledged(1, 4, 2, 2, 1), acknowledged(3, 5, 1, 2, 0)}, records: two},
		"read before":                     {all: []operation{read(0, 1, 0), acknowledged(2, 3, 1, 2, 0)}, records: one},
		"read beside":                     {all: []operation{read(1, 4, 0), acknowledged(2, 3, 1, 2, 0), read(2, 5, 10)}, records: one},
		"read a balance of before":        {rule: ruleReads, all: []operation{acknowledged(1, 2, 1, 2, 0), read(3, 4, 0)}, records: one},
		"read what nobody has said yet":   {all: []operation{at(1, 9, operation{kind: submit, verdict: unknown, tx: tx(1)}), read(3, 4, 10)}, records: one},
		"read, and then older":            {rule: ruleReads, all: []operation{gone, read(2, 3, 10), read(4, 5, 0)}, records: one},
		"read a balance that never was":   {rule: ruleReads, all: []operation{gone, read(2, 3, 7)}, records: one},
		"a length of before":              {rule: ruleReads, all: []operation{acknowledged(1, 2, 1, 2, 0), at(3, 4, operation{kind: head, verdict: done, records: 0})}, records: one},
		"of a write that has not begun":   {rule: ruleReads, all: []operation{read(1, 2, 10), acknowledged(3, 4, 1, 2, 0)}, records: one},
		"sent again":                      {all: []operation{acknowledged(1, 2, 1, 2, 0), again}, records: one},
		"sent again beside":               {all: []operation{acknowledged(1, 3, 1, 2, 0), acknowledged(2, 4, 1, 2, 0)}, records: one},
		"sent again, and new":             {rule: ruleReplays, all: []operation{acknowledged(1, 2, 1, 2, 0), acknowledged(3, 4, 1, 2, 0)}, records: one},
		"sent again, and elsewhere":       {rule: ruleReplays, all: []operation{acknowledged(1, 2, 1, 2, 0), elsewhere}, records: one, partial: true},
		"sent again, and refused":         {rule: ruleReplays, all: []operation{acknowledged(1, 2, 1, 2, 0), at(3, 4, operation{kind: submit, verdict: refused, tx: tx(1), code: chain.IDReused})}, records: one},
		"told of another record":          {rule: ruleChanged, all: []operation{toldOther}, records: one},
		"too late":                        {all: []operation{late}},
		"too late, and there":             {rule: ruleRefused, all: []operation{late}, records: one},
		"another, and refused":            {all: []operation{acknowledged(1, 2, 1, 2, 0), at(3, 4, operation{kind: submit, verdict: refused, tx: more, code: chain.IDReused})}, records: one},
		"another, and taken":              {rule: ruleReplays, all: []operation{acknowledged(1, 2, 1, 2, 0), at(3, 4, operation{kind: submit, verdict: done, tx: more, out: chain.Outcome{Block: 2, Replay: true}})}, records: one},
		"refused again":                   {all: []operation{tooMuch, stillTooMuch}, refused: remembered},
		"refused again, and new":          {rule: ruleReplays, all: []operation{tooMuch, at(3, 4, tooMuch)}, refused: remembered},
		"refused, and then not":           {rule: ruleReplays, all: []operation{tooMuch, again}, records: one, partial: true},
		"sent together":                   {all: []operation{inBatch(1, 0), inBatch(2, 1)}, records: two},
		"sent together, and turned round": {rule: ruleBatch, all: []operation{inBatch(2, 1), inBatch(1, 0)}, records: two},
		"not there yet":                   {all: []operation{acknowledged(1, 2, 1, 2, 0), tooMuch, known, read(3, 4, 10)}, partial: true},
		"broken off, and twice":           {rule: ruleTwice, all: []operation{acknowledged(1, 2, 1, 2, 0)}, records: []placed{recorded(1, 2, 0), recorded(1, 2, 1)}, partial: true},
		"refused, and taken as something": {rule: ruleStatus, all: []operation{at(3, 4, operation{kind: status, verdict: done, tx: tx(1), code: chain.BalanceOutOfRange})}, refused: map[chain.ID]chain.Code{}},
	} {
		t.Run(name, func(t *testing.T) {
			found := checkHistory(c.all, &ledger{records: c.records, refused: c.refused, partial: c.partial, underway: c.sent})
			if c.rule == "" {
				require.Empty(t, found)
				return
			}
			require.True(t, slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, c.rule+":") }), "%q", found)
		})
	}
}

func TestMoneyOutOfNothingIsFound(t *testing.T) {
	totals := chain.Totals{}
	conserved := func(records []placed, totals *chain.Totals) error {
		b := newBooks(&chain.Contract{})
		for _, r := range records {
			if err := b.add(&r.Record); err != nil {
				return err
			}
		}
		return b.agree(totals)
	}
	require.NoError(t, conserved([]placed{recorded(1, 2, 0)}, &totals))
	more := recorded(1, 2, 0)
	more.AmountReceive++
	require.Error(t, conserved([]placed{more}, &totals))
	fee := recorded(1, 2, 0)
	fee.AmountReceive, fee.AmountBPSC = 9, 1
	require.Error(t, conserved([]placed{fee}, &totals), "the block says that there were no fees")
	totals.Issued = 5
	require.Error(t, conserved([]placed{recorded(1, 2, 0)}, &totals))
}

// The same seed gives the same steps at the same times, but where one of a few things that
// no seed settles turns out otherwise (DESIGN.md). So of a few runs two are the same to the
// last step.
func TestTheSameSeedIsTheSameRun(t *testing.T) {
	p := newPlan(2, 8*time.Second)
	seen := map[uint64]bool{}
	for range 8 {
		r := simulate(t, p)
		require.Empty(t, r.Violations)
		require.Greater(t, r.Steps, 500)
		if seen[r.Hash] {
			require.False(t, seen[simulate(t, newPlan(3, 8*time.Second)).Hash])
			return
		}
		seen[r.Hash] = true
	}
	t.Errorf("%d runs of one seed, and no two are the same", len(seen))
}

// Each rule of followers has what one does that breaks it.
func TestEachRuleOfFollowersIsBrokenBySomething(t *testing.T) {
	blocks := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
	block := func(i int) copied {
		return copied{what: took, token: "aka", index: uint64(i), hash: chain.HashBytes(blocks[i-1])}
	}
	count := func(what string, n uint64) copied { return copied{what: what, token: "aka", index: n} }
	other := block(2)
	other.hash = chain.HashBytes([]byte("another"))
	for name, c := range map[string]struct {
		rule    string // "": none is broken
		all     []copied
		there   int // blocks of the members
		partial bool
	}{
		"all":                              {all: []copied{count(began, 0), block(1), block(2), count(kept, 2), block(3)}, there: 3},
		"what was not kept is lost":        {all: []copied{count(began, 0), block(1), count(kept, 1), block(2), count(began, 1), block(2)}, there: 2},
		"what was kept is lost":            {rule: ruleKeeps, all: []copied{count(began, 0), block(1), block(2), count(kept, 2), count(began, 1), block(2)}, there: 2},
		"one is left out":                  {rule: ruleKeeps, all: []copied{count(began, 0), block(1), block(3)}, there: 3},
		"one is taken again":               {rule: ruleKeeps, all: []copied{count(began, 0), block(1), block(1)}, there: 3},
		"another one after the power":      {rule: ruleKeeps, all: []copied{count(began, 0), block(1), other, count(began, 1), block(2)}, there: 2},
		"one that it never took":           {rule: ruleKeeps, all: []copied{count(began, 0), block(1), count(began, 2)}, there: 3},
		"one that members do not have":     {rule: ruleCopies, all: []copied{count(began, 0), block(1), other}, there: 3},
		"more than members have":           {rule: ruleCopies, all: []copied{count(began, 0), block(1), block(2)}, there: 1},
		"more than one of them has so far": {all: []copied{count(began, 0), block(1), block(2)}, there: 1, partial: true},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			checkCopies("f1", c.all, &ledger{blocks: blocks[:c.there], partial: c.partial}, func(rule, _ string, _ ...any) { found = append(found, rule) })
			if c.rule == "" {
				require.Empty(t, found)
			} else {
				require.Contains(t, found, c.rule)
			}
		})
	}
	refused := func(why chainsync.Reason) []chainsync.ChainStatus {
		return []chainsync.ChainStatus{{Refusals: map[chainsync.Reason]uint64{why: 1}}}
	}
	require.Empty(t, checkAccused(refused(chainsync.Behind)))
	require.NotEmpty(t, checkAccused(refused(chainsync.SecondHistory)))
	require.NotEmpty(t, checkAccused(refused(chainsync.CheckpointRefused)))
	require.NotEmpty(t, checkAccused([]chainsync.ChainStatus{{Evidence: []string{"aka-7.json"}}}))
}

func TestATornWriteOfTheLogIsOneThatNeverWas(t *testing.T) {
	before := &image{data: pages("meta 0", "meta 1", "old", "old"), size: 8 * page}
	after := &image{data: pages("meta 0 new", "meta 1", "new", "old", "new"), size: 8 * page}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		out := tear(before, after, rand.New(rand.NewPCG(seed, 0)))
		text := ""
		for at := 0; at < len(out.data); at += page {
			text += strings.TrimRight(string(out.data[at:at+page]), "\x00") + ","
		}
		seen[text] = true
		if strings.HasPrefix(text, "meta 0 new,") {
			require.Equal(t, "meta 0 new,meta 1,new,old,new,", text, "a meta counts behind its pages")
		}
	}
	require.Len(t, seen, 5) // two pages there or not, and all of them with the meta
}

func TestMembersThatDifferAreFound(t *testing.T) {
	of := func(block string, ids ...byte) *ledger {
		l := &ledger{blocks: [][]byte{[]byte("genesis"), []byte(block)}}
		for i, id := range ids {
			l.records = append(l.records, recorded(id, 2, i))
		}
		return l
	}
	require.Empty(t, differ(of("a", 1, 2), of("a", 1)), "one is behind")
	require.Contains(t, differ(of("a", 1), of("b", 1)), "block 2")
	require.Contains(t, differ(of("a", 1, 2), of("a", 1, 3)), "record 2")
}
