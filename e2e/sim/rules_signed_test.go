package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// Of holds each history below breaks the rule, but for those that say so.
func TestHoldsThatEndWronglyAreFound(t *testing.T) {
	const second = 1_000_000
	hold := chain.Record{Kind: chain.Hold, ID: chain.ID{1}, Sender: "w1", Recipient: "w2", AmountSend: 10, HoldUntil: 5, Time: 1 * second}
	end := func(kind chain.Kind, id byte, at chain.Micros) chain.Record {
		r := chain.Record{Kind: kind, ID: chain.ID{id}, Sender: "w1", Recipient: "w2", Hold: hold.ID, Time: at}
		if kind == chain.Delivery {
			r.AmountSend, r.AmountReceive = 10, 10
		} else {
			r.AmountRefund, r.Reason = 10, chain.Rejected
		}
		return r
	}
	accepted, rejected := end(chain.Delivery, 2, 2*second), end(chain.Refund, 3, 3*second)
	expired := end(chain.Refund, 0, 5*second)
	expired.ID, expired.Reason = chain.ExpiryID(hold.ID), chain.HoldExpired
	early, less, other := expired, accepted, accepted
	early.Time--
	less.AmountSend--
	other.Hold = chain.ID{9}
	byHand := expired
	byHand.ID = chain.ID{4}
	after := chain.Record{Kind: chain.Issue, ID: chain.ID{5}, Recipient: "w1", Amount: 1, Time: 5 * second}
	for name, c := range map[string]struct {
		good    bool
		records []chain.Record
	}{
		"accepted":                     {true, []chain.Record{hold, accepted}},
		"rejected":                     {true, []chain.Record{hold, rejected}},
		"gone back":                    {true, []chain.Record{hold, expired, after}},
		"open":                         {true, []chain.Record{hold}},
		"accepted and rejected":        {false, []chain.Record{hold, accepted, rejected}},
		"accepted and gone back":       {false, []chain.Record{hold, accepted, expired}},
		"accepted too late":            {false, []chain.Record{hold, end(chain.Delivery, 2, 5*second)}},
		"gone back too early":          {false, []chain.Record{hold, early}},
		"gone back by somebody's wish": {false, []chain.Record{hold, byHand}},
		"gone back after what is next": {false, []chain.Record{hold, after, expired}},
		"not all of it":                {false, []chain.Record{hold, less}},
		"of no hold":                   {false, []chain.Record{hold, other}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledger{partial: true}
			for i, r := range c.records {
				l.records = append(l.records, placed{r, 2, i})
			}
			var found []string
			checkHolds(l, func(rule, format string, args ...any) { found = append(found, rule+": "+fmt.Sprintf(format, args...)) })
			require.Equal(t, c.good, len(found) == 0, "%q", found)
			for _, f := range found {
				require.True(t, strings.HasPrefix(f, ruleHolds+":"), f)
			}
		})
	}
}

// Each rule about what is signed has a history that breaks it.
func TestEachRuleOfWhatIsSignedFindsAHistoryThatBreaksIt(t *testing.T) {
	root := []chain.Hash{{1}, {2}, {3}}
	signs := func(member string, size uint64, r chain.Hash) signature {
		return signature{token, chain.Attestation{Member: member, Size: size, Root: r}}
	}
	shown := func(called, ended int, size uint64, r chain.Hash) operation {
		return at(called, ended, operation{kind: checkpoint, verdict: done, length: size, root: r})
	}
	for name, c := range map[string]struct {
		rule    string // "": none is broken
		signed  []signature
		all     []operation
		partial bool
	}{
		"one after the other":        {signed: []signature{signs("n1", 1, root[0]), signs("n1", 3, root[2]), signs("n2", 1, root[0])}},
		"again":                      {signed: []signature{signs("n1", 2, root[1]), signs("n1", 2, root[1])}},
		"two of one size":            {rule: ruleOneRoot, signed: []signature{signs("n1", 2, root[1]), signs("n1", 2, root[0])}},
		"another chain":              {rule: ruleSigned, signed: []signature{signs("n1", 2, root[2])}},
		"more than there is":         {rule: ruleSigned, signed: []signature{signs("n1", 4, root[2])}},
		"more than there is yet":     {signed: []signature{signs("n1", 4, root[2])}, partial: true},
		"shown":                      {all: []operation{shown(1, 2, 0, chain.Hash{}), shown(3, 4, 2, root[1]), shown(5, 6, 2, root[1])}},
		"shown of another chain":     {rule: ruleSigned, all: []operation{shown(1, 2, 2, root[0])}},
		"shown, and then less":       {rule: ruleForward, all: []operation{shown(1, 2, 2, root[1]), shown(3, 4, 1, root[0])}},
		"shown, and then nothing":    {rule: ruleForward, all: []operation{shown(1, 2, 2, root[1]), shown(3, 4, 0, chain.Hash{})}},
		"less beside it":             {all: []operation{shown(1, 4, 2, root[1]), shown(3, 5, 1, root[0])}},
		"nothing was to be had then": {all: []operation{shown(1, 2, 2, root[1]), at(3, 4, operation{kind: checkpoint, verdict: notApplied})}},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			say := func(rule, format string, args ...any) { found = append(found, rule+": "+fmt.Sprintf(format, args...)) }
			checkSignatures(c.signed, root, c.partial, say)
			checkCheckpoints(c.all, root, say)
			if c.rule == "" {
				require.Empty(t, found)
				return
			}
			require.True(t, slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, c.rule+":") }), "%q", found)
		})
	}
}
