package sim

import (
	"cmp"
	"slices"

	"github.com/bpsc/bpsc/chain"
)

// checkReplays: an id that was decided has one answer for ever. Who sends the same again
// is told the same, and that it was decided before; who sends something else under it is
// told that it is taken.
func checkReplays(all []operation, say func(rule, format string, args ...any)) {
	byEnd := slices.Clone(all)
	slices.SortStableFunc(byEnd, func(a, b operation) int { return cmp.Compare(a.ended, b.ended) })
	byCall := slices.Clone(all)
	slices.SortStableFunc(byCall, func(a, b operation) int { return cmp.Compare(a.called, b.called) })
	decided := map[chain.ID]operation{} // what was decided first, and was heard before
	next := 0
	for _, op := range byCall {
		for ; next < len(byEnd) && byEnd[next].ended < op.called; next++ {
			e := byEnd[next]
			if _, known := decided[e.tx.ID]; !known && e.decides() {
				decided[e.tx.ID] = e
			}
		}
		before, known := decided[op.tx.ID]
		if !known || op.kind != submit || op.verdict != done && op.verdict != refused {
			continue
		}
		if !sameContent(op.tx, before.tx) {
			if op.verdict == done || op.code != chain.IDReused {
				say(ruleReplays, "%s was decided at %v, and something else under it is %s (%s) at %v", op.tx.ID, before.ended, op.verdict, op.code, op.ended)
			}
			continue
		}
		switch {
		case op.verdict != before.verdict || op.code != before.code:
			say(ruleReplays, "%s was %s (%s) at %v, and is %s (%s) at %v", op.tx.ID, before.verdict, before.code, before.ended, op.verdict, op.code, op.ended)
		case op.verdict == done && (op.out.Block != before.out.Block || op.out.Position != before.out.Position):
			say(ruleReplays, "%s was at %d/%d at %v, and is at %d/%d at %v", op.tx.ID, before.out.Block, before.out.Position, before.ended, op.out.Block, op.out.Position, op.ended)
		case !op.out.Replay:
			say(ruleReplays, "%s was decided at %v, and is said to be new at %v", op.tx.ID, before.ended, op.ended)
		}
	}
}

// decides tells whether an answer is one that every later one has to repeat.
func (op *operation) decides() bool {
	switch {
	case op.kind != submit:
		return false
	case op.verdict == done:
		return true
	}
	switch op.code {
	case chain.AmountTooSmall, chain.IDReused, chain.Expired, chain.ExpiresTooFar, chain.KeyWrong: // nobody remembers those
		return false
	}
	return op.verdict == refused
}

func sameContent(a, b chain.Transaction) bool {
	return a.Sender == b.Sender && a.Recipient == b.Recipient && a.Amount == b.Amount
}

// checkBatches: of what somebody sends as one request the first is decided first.
func checkBatches(all []operation, at map[chain.ID]int, say func(rule, format string, args ...any)) {
	last := map[*batch]operation{}
	for _, op := range all { // those of a batch stand in its order
		if op.batch == nil || op.kind != submit || op.verdict != done || op.out.Replay {
			continue
		}
		if before, known := last[op.batch]; known && at[op.tx.ID] < at[before.tx.ID] {
			say(ruleBatch, "%s is behind %s in what was sent at %v, and before it in the chain", op.tx.ID, before.tx.ID, op.called)
		}
		last[op.batch] = op
	}
}
