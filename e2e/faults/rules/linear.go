package rules

import (
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bpsc/bpsc/e2e/faults/history"
)

// thinking bounds the search for an order. The records of a chain have theirs already, so
// it is short; where it is not, the window counts as not judged.
const thinking = 20 * time.Second

// step is what porcupine orders: a record comes to its place, or something was so. The state
// is how many records there are.
type step struct {
	place int // of a record; 0: an observation
	holds func(n int) bool
}

// linearizable has porcupine look for a moment for each read, each refusal and each record,
// between question and answer, at which all of it was true.
func (j *judge) linearizable() {
	known := state{j.running(), j.eras()}
	var ops []porcupine.Operation
	add := func(s step, began, ended time.Duration) {
		ops = append(ops, porcupine.Operation{ClientId: len(ops), Input: s, Call: int64(began), Return: int64(ended)})
	}
	begin, end := j.span()
	placed := map[string]bool{}
	told := map[string]bool{} // refusals
	first := map[string]time.Duration{}
	for _, op := range j.Ops {
		if began, known := first[op.ID]; op.Kind == history.Submit && (!known || op.Began < began) {
			first[op.ID] = op.Began
		}
	}
	began := func(id string) time.Duration {
		if at, asked := first[id]; asked && !j.Earlier[id] {
			return at
		}
		return begin
	}
	for _, op := range byEnd(j.Ops) {
		r, now := j.record(op.ID)
		switch {
		case op.Kind == history.Submit && op.Verdict == history.Done && now && !placed[op.ID]:
			// From when it was first asked for until its first acknowledgement.
			placed[op.ID] = true
			add(step{place: r.Order}, began(op.ID), op.Ended)
		case op.Kind == history.Submit && op.Verdict == history.Refused && !told[op.ID] && !j.Earlier[op.ID]:
			// The first answer settles it; from then on it is remembered.
			told[op.ID] = true
			if why := j.because(op, known); why != nil {
				add(step{holds: why}, first[op.ID], op.Ended)
			}
		case (op.Kind == history.Balance || op.Kind == history.Length || op.Kind == history.Hold) && op.Verdict == history.Done && !op.Local:
			add(step{holds: j.read(op, known)}, op.Began, op.Ended)
		}
	}
	for _, r := range j.Records {
		if !placed[r.ID] { // nobody heard of it: any time from when it was asked for
			add(step{place: r.Order}, began(r.ID), end)
		}
	}
	model := porcupine.Model{
		Init: func() any { return j.Base },
		Step: func(state, in, _ any) (bool, any) {
			n, s := state.(int), in.(step)
			if s.place > 0 {
				return s.place == n+1, n + 1
			}
			return s.holds(n), n
		},
		Equal: func(a, b any) bool { return a == b },
	}
	if porcupine.CheckOperationsTimeout(model, ops, thinking) == porcupine.Illegal {
		j.say(Linearizable, "%d operations have no order: %s", len(ops), j.impossible(ops))
	}
}

// state is what there was after each number of records.
type state struct {
	sums map[string][]int64
	eras map[string][]era
}

// because is what must have been so at the moment of a refusal; nil where nothing is known.
func (j *judge) because(op history.Op, known state) func(n int) bool {
	switch op.Code {
	case "insufficient_funds":
		return func(n int) bool { return j.at(known.sums, op.Sender, n) < op.Units }
	case "account_frozen":
		return func(n int) bool { return j.rules(known.eras, op.Sender, n).Frozen }
	case "limit_per_transfer":
		return func(n int) bool {
			most := j.rules(known.eras, op.Sender, n).PerTransfer
			return most > 0 && op.Units > most
		}
	case "hold_delivered", "hold_rejected", "hold_expired", "hold_refunded":
		life := j.Holds[op.Of]
		return func(n int) bool { return life.Ended > 0 && life.Ended <= n && life.How == op.Code }
	}
	return nil
}

// read is what was so when a read was answered.
func (j *judge) read(op history.Op, known state) func(n int) bool {
	switch op.Kind {
	case history.Balance:
		return func(n int) bool {
			return j.at(known.sums, op.Account, n) == op.Balance && (op.Rules == nil || j.rules(known.eras, op.Account, n) == *op.Rules)
		}
	case history.Length:
		return func(n int) bool { return n == op.Records }
	}
	life := j.Holds[op.ID]
	return func(n int) bool {
		if op.Stands == "pending" {
			return life.Opened > 0 && life.Opened <= n && (life.Ended == 0 || life.Ended > n)
		}
		return life.Ended > 0 && life.Ended <= n && life.How == op.Stands
	}
}

// running is what each account had after each number of records, from Base on, of those
// accounts that changed.
func (j *judge) running() map[string][]int64 {
	sums := map[string][]int64{}
	for i, r := range j.Records {
		for name, change := range r.Moves {
			of := sums[name]
			if of == nil {
				of = append(of, j.Balances[name])
			}
			for len(of) <= i {
				of = append(of, of[len(of)-1])
			}
			sums[name] = append(of, of[len(of)-1]+change)
		}
	}
	return sums
}

// at is an account's balance after n records.
func (j *judge) at(sums map[string][]int64, name string, n int) int64 {
	of := sums[name]
	if len(of) == 0 {
		return j.Balances[name]
	}
	return of[min(max(n-j.Base, 0), len(of)-1)]
}

// span is from before the first question to after the last answer.
func (j *judge) span() (begin, end time.Duration) {
	for i, op := range j.Ops {
		if i == 0 || op.Began < begin {
			begin = op.Began
		}
		end = max(end, op.Ended)
	}
	return begin - 1, end + 1
}

// impossible names an observation that was true at no time at all, where there is one: it
// needs no search to be understood.
func (j *judge) impossible(ops []porcupine.Operation) string {
	for _, op := range ops {
		s := op.Input.(step)
		if s.place > 0 {
			continue
		}
		possible := false
		for n := j.Base; n <= j.Base+len(j.Records) && !possible; n++ {
			possible = s.holds(n)
		}
		if !possible {
			for _, o := range j.Ops {
				if int64(o.Began) == op.Call || int64(o.Ended) == op.Return {
					return "never true: " + describe(o)
				}
			}
		}
	}
	return "each was true at some time, and not at its own"
}
