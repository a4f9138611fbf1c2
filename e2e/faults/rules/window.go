// Package rules holds what clients were told against what a chain says in the end. Every
// rule is a function of its arguments alone, and has a history in the tests that breaks it.
package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
)

// The rules, by the names under which findings and reports have them.
const (
	Missing      = "no acknowledged record is missing"
	Changed      = "no acknowledged record is changed"
	Twice        = "no id twice"
	StaysRefused = "refused stays refused"
	NotHidden    = "503 never hides an applied transaction"
	NeverBack    = "statuses never go back"
	Nobody       = "nothing that nobody asked for"
	InOrder      = "answers are in the order of time"
	Linearizable = "reads and conditions are linearizable"
	OnSchedule   = "blocks keep their schedule while there is a majority"
	OnceInOrder  = "streams and pages have each once, in order"
	OneRoot      = "checkpoints are of the one chain"
	Remembers    = "what a witness has cosigned only grows"
	FindsLiars   = "a follower finds out who lies to it, and accuses nobody else"
	SeesLies     = "who verifies sees what a member lies about, and believes the others"
	Convicts     = "evidence convicts who signed two histories, and nobody else"
	SameChain    = "all nodes have the same chain, byte for byte, and it verifies"
	Service      = "service within five seconds after healing, without an operator"
	Finishes     = "what an operator does ends in its time once all faults have ended"
	NoBadData    = "a damaged member refuses, and serves no bad data"
	NoAlarm      = "nobody is alarmed without a cause"
	NoCrash      = "no process ends but by its rules"
	StaysFlat    = "memory, descriptors, goroutines and disk stay flat where nothing goes wrong"
)

// All are the rules in the order of reports.
func All() []string {
	return []string{Missing, Changed, Twice, StaysRefused, NotHidden, NeverBack, Nobody, InOrder, Linearizable,
		OnSchedule, OnceInOrder, OneRoot, Remembers, FindsLiars, SeesLies, Convicts, SameChain, Service, Finishes, NoBadData, NoAlarm, NoCrash, StaysFlat}
}

// Finding is a broken rule.
type Finding struct {
	Rule string `json:"rule"`
	What string `json:"what"`
}

func (f Finding) String() string { return f.Rule + ": " + f.What }

// Place is where a record stands. Order counts all records of a chain, from 1.
type Place struct {
	Block    uint64
	Position int
	Order    int
}

// Record is what the chain says of a record, as far as it matters here.
type Record struct {
	Place
	ID, Kind, Reason, Hold string
	Sender, Recipient      string
	Units                  int64
	Moves                  map[string]int64 // what each balance changed by
	Set                    *Set             // of kind rules
}

// Life is what became of a hold: after which record it was there, and after which it was
// resolved; 0: not yet.
type Life struct {
	Opened, Ended int
	How           string // the code that says how
}

// Window is a time in which clients asked, and what the chain of one contract says after it,
// when all is quiet.
type Window struct {
	Contract string
	Ops      []history.Op // of this contract
	Earlier  map[string]bool
	// of ids whose fate nobody knew before the window

	Places   map[string]Place         // of all records of the chain
	Records  []Record                 // that came in the window
	Base     int                      // how many records there were before
	Balances map[string]int64         // before
	Wallets  map[string]history.Rules // before, of those that were set
	Holds    map[string]Life
	Refused  map[string]string // what nodes say now of ids that were refused, or may have been
}

// Check returns what a window breaks.
func Check(w Window) []Finding {
	j := &judge{Window: w, asked: map[string][]history.Op{}}
	for _, op := range w.Ops {
		if op.Kind == history.Submit {
			j.asked[op.ID] = append(j.asked[op.ID], op)
		}
	}
	j.records()
	for _, op := range w.Ops {
		switch op.Kind {
		case history.Submit:
			j.submission(op)
		case history.Status:
			j.status(op)
		}
	}
	j.order()
	if len(j.found) == 0 { // else it would say the same again, and less clearly
		j.linearizable()
	}
	return j.found
}

// judge is a check under way.
type judge struct {
	Window
	asked map[string][]history.Op
	found []Finding
}

func (j *judge) say(rule, format string, args ...any) {
	j.found = append(j.found, Finding{rule, fmt.Sprintf(format, args...)})
}

// records looks at the chain alone.
func (j *judge) records() {
	seen := map[string]Place{}
	for _, r := range j.Records {
		before, twice := seen[r.ID]
		if !twice {
			before, twice = j.Places[r.ID]
			twice = twice && before.Order != r.Order
		}
		if twice {
			j.say(Twice, "%s is record %d and %d", r.ID, before.Order, r.Order)
		}
		seen[r.ID] = r.Place
		// A hold that expires goes back by itself.
		if len(j.asked[r.ID]) == 0 && !j.Earlier[r.ID] && r.Reason != "expired" {
			j.say(Nobody, "%s, a %s in block %d", r.ID, r.Kind, r.Block)
		}
	}
}

// record is the window's record with an id.
func (j *judge) record(id string) (Record, bool) {
	p, there := j.Places[id]
	if at := p.Order - j.Base - 1; there && at >= 0 && at < len(j.Records) {
		return j.Records[at], true
	}
	return Record{}, false
}

// byEnd are operations as their answers came.
func byEnd(ops []history.Op) []history.Op {
	return sorted(ops, func(op history.Op) time.Duration { return op.Ended })
}

// byBegin are operations as they were asked for.
func byBegin(ops []history.Op) []history.Op {
	return sorted(ops, func(op history.Op) time.Duration { return op.Began })
}

func sorted(ops []history.Op, by func(history.Op) time.Duration) []history.Op {
	all := slices.Clone(ops)
	slices.SortStableFunc(all, func(a, b history.Op) int { return int(by(a) - by(b)) })
	return all
}
