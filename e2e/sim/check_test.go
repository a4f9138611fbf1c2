package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/fsm"
)

// rules are what is checked of a run, by the names by which violations begin. Each has a
// history that breaks it (rules_test.go) or a broken build that does (broken_test.go).
const (
	ruleEnds     = "no process ends by itself"
	ruleService  = "a client is served soon after the healing"
	ruleAnswers  = "whoever asks a member that is up is answered in time"
	ruleOneState = "all members come to one state"
	ruleOneChain = "all members have the same chain"
	ruleKept     = "conservation, and the rules of each record"
	ruleMissing  = "no acknowledged record missing"
	ruleChanged  = "no acknowledged record changed"
	ruleTwice    = "no id twice"
	ruleNobody   = "nothing that nobody asked for"
	ruleNot      = "not applied is not applied"
	ruleRefused  = "refused stays refused"
	ruleStatus   = "statuses never go back"
	ruleReplays  = "an id sent again gets the same answer"
	ruleOrder    = "answers are in the order of time"
	ruleBatch    = "what is sent together is decided in its order"
	ruleReads    = "reads are linearizable"
	ruleOneRoot  = "no member signs two roots of one size"
	ruleSigned   = "what is signed is the chain"
	ruleForward  = "checkpoints do not go back"
	ruleBack     = "a member that went back in time does not go on"
	ruleHolds    = "a hold ends once, when it may, and all of it moves"
	ruleChanges  = "changes of the members are done soon after the healing, and who was removed ends"
	ruleCopies   = "a follower has the members' chain"
	ruleKeeps    = "a follower never goes back"
	ruleCatchUp  = "a follower has all soon after the healing"
	ruleAccused  = "no honest member is accused"
)

var rules = []string{ruleEnds, ruleService, ruleAnswers, ruleOneState, ruleOneChain, ruleKept, ruleMissing, ruleChanged, ruleTwice, ruleNobody, ruleNot, ruleRefused, ruleStatus, ruleReplays, ruleOrder, ruleBatch, ruleReads, ruleHolds, ruleBack, ruleOneRoot, ruleSigned, ruleForward, ruleChanges, ruleCopies, ruleKeeps, ruleCatchUp, ruleAccused}

// history is what clients asked and heard.
type history struct {
	mu     sync.Mutex
	all    []operation
	holds  []*chain.Record // of which somebody was told
	signed []signature
	begun  map[chain.ID]bool // ids that somebody has sent, answered or not
}

func (h *history) add(op operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, op)
	if op.kind == submit && op.verdict == done && op.out.Record.Kind == chain.Hold {
		h.holds = append(h.holds, &op.out.Record)
	}
}

// begin notes what somebody is about to send.
func (h *history) begin(op operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun == nil {
		h.begun = map[chain.ID]bool{}
	}
	h.begun[op.tx.ID] = true
	if op.batch != nil {
		for _, tx := range op.batch.txs {
			h.begun[tx.ID] = true
		}
	}
}

// sent are the ids that somebody has sent until now.
func (h *history) sent() map[chain.ID]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.begun)
}

// sofar is what has come until now, while clients go on.
func (h *history) sofar() []operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}

// of is what has come until now of one contract.
func (h *history) of(token string) []operation {
	return slices.DeleteFunc(h.sofar(), func(op operation) bool { return op.token != token })
}

func (h *history) acked() (n int) {
	for _, op := range h.sofar() {
		if op.kind == submit && op.verdict == done {
			n++
		}
	}
	return n
}

// ledger is what the members have in the end: blocks, the records in their order, pending
// ones last, and what is known of ids.
type ledger struct {
	token   string
	start   map[string]chain.Amount // what accounts had in the first block
	blocks  [][]byte
	records []placed
	refused map[chain.ID]chain.Code // of ids that clients used
	// It was read before the end, from one member: what is not there may still come.
	partial  bool
	underway map[chain.ID]bool // ids that somebody has sent, where not all are answered
}

type placed struct {
	chain.Record
	block    uint64
	position int
}

// check holds the end of a run against what was said on the way.
func (s *simulation) check() {
	if s.broken() {
		s.explain()
		return
	}
	for _, c := range s.contracts() {
		end, err := s.read(c.Token)
		if err != nil {
			s.fail("%v", err)
			return
		}
		all := s.history.of(c.Token)
		for _, found := range slices.Concat(checkHistory(all, end), checkSigned(all, s.history.signatures(c.Token), end), s.checkFollowers(end)) {
			s.fail("%s", found)
		}
	}
}

// checkFollowers returns which rules followers break with one chain.
func (s *simulation) checkFollowers(end *ledger) (found []string) {
	say := func(rule, format string, args ...any) {
		found = append(found, rule+": "+fmt.Sprintf(format, args...))
	}
	for _, f := range s.followers {
		checkCopies(f.name, f.copies.of(end.token), end, say)
		if !end.partial {
			if err := f.sameCopy(end); err != nil {
				found = append(found, err.Error())
			}
		}
	}
	return found
}

// read takes the ledger from the first member and compares all others with it, byte by
// byte, audits it, and adds it up.
func (s *simulation) read(token string) (*ledger, error) {
	members := s.there()
	first := members[0].life.store
	auditor := fsm.NewAuditor()
	end := &ledger{token: token, refused: map[chain.ID]chain.Code{}}
	info, err := first.Contract(token)
	if err != nil {
		return nil, err
	}
	books := newBooks(&info.Contract)
	end.start = maps.Clone(books.balances)
	err = first.Blocks(token, 1, 0, func(index uint64, canonical []byte) error {
		end.blocks = append(end.blocks, bytes.Clone(canonical))
		b, err := auditor.Next(canonical)
		if err != nil {
			return fmt.Errorf("%s: block %d: %w", ruleKept, index, err)
		}
		for i, r := range b.Records {
			end.records = append(end.records, placed{r, index, i})
			if err := books.add(&r); err != nil {
				return err
			}
		}
		return books.agree(b.Totals)
	})
	if err != nil {
		return nil, err
	}
	pending, err := first.Pending(token)
	if err != nil {
		return nil, err
	}
	for i, r := range pending {
		end.records = append(end.records, placed{r, info.Length + 1, i})
	}
	for _, m := range members[1:] {
		if err := sameChain(m, end.blocks, info); err != nil {
			return nil, err
		}
	}
	refusals(s.history.of(token), end, members[0])
	return end, nil
}

// refusals asks a member which of the ids that clients used are refused.
func refusals(all []operation, end *ledger, m *member) {
	for _, op := range all {
		if op.kind != submit {
			continue
		}
		if out, err := m.life.store.Transaction(end.token, op.tx.ID); err == nil && out.Refused != "" {
			end.refused[op.tx.ID] = out.Refused
		}
	}
}

// sameChain compares a member's blocks with those of the first.
func sameChain(m *member, texts [][]byte, info chain.Info) error {
	own, err := m.life.store.Contract(info.Contract.Token)
	if err != nil {
		return err
	}
	if own != info {
		return fmt.Errorf("%s: %s has another chain than n1: %+v, %+v", ruleOneChain, m.name, own, info)
	}
	return m.life.store.Blocks(info.Contract.Token, 1, 0, func(index uint64, canonical []byte) error {
		if index > uint64(len(texts)) || !bytes.Equal(canonical, texts[index-1]) {
			return fmt.Errorf("%s: block %d of %s is another one than that of n1", ruleOneChain, index, m.name)
		}
		return nil
	})
}

// checkHistory returns which rules a history breaks, given what was there in the end. It
// is a function of its arguments alone.
func checkHistory(all []operation, end *ledger) (found []string) {
	say := func(rule, format string, args ...any) {
		found = append(found, rule+": "+fmt.Sprintf(format, args...))
	}
	at := map[chain.ID]int{} // place in the order, from 1
	for i, r := range end.records {
		if before, twice := at[r.ID]; twice {
			say(ruleTwice, "%s is record %d and %d", r.ID, before, i+1)
		}
		at[r.ID] = i + 1
	}
	asked := map[chain.ID][]operation{}
	for _, op := range all {
		if op.kind == submit {
			asked[op.tx.ID] = append(asked[op.tx.ID], op)
		}
	}
	for _, op := range all {
		switch op.kind {
		case submit:
			checkSubmission(op, asked[op.tx.ID], at, end, say)
		case status:
			checkStatus(op, at, end, say)
		}
	}
	for _, r := range end.records {
		if len(asked[r.ID]) == 0 && !end.underway[r.ID] && r.Reason != chain.HoldExpired { // that is the clock's (checkHolds)
			say(ruleNobody, "%s", r.ID)
		}
	}
	checkHolds(end, say)
	checkReplays(all, say)
	checkOrder(all, at, say)
	checkBatches(all, at, say)
	if len(found) == 0 && !end.partial {
		checkLinearizable(all, at, end, say)
	}
	return found
}

// checkSigned returns which rules are broken by what members signed, and what was shown of it.
func checkSigned(all []operation, signed []signature, end *ledger) (found []string) {
	say := func(rule, format string, args ...any) {
		found = append(found, rule+": "+fmt.Sprintf(format, args...))
	}
	root, err := roots(end.blocks)
	if err != nil {
		say(ruleKept, "%v", err)
		return found
	}
	checkSignatures(signed, root, end.partial, say)
	checkCheckpoints(all, root, say)
	return found
}

// checkSubmission holds one answer against the end.
func checkSubmission(op operation, same []operation, at map[chain.ID]int, end *ledger, say func(rule, format string, args ...any)) {
	place, there := at[op.tx.ID]
	switch op.verdict {
	case done:
		if !there {
			if end.partial {
				return
			}
			say(ruleMissing, "%s, acknowledged by %s at %v", op.tx.ID, op.member, op.ended)
			return
		}
		r := end.records[place-1]
		if !brought(&r.Record, &op.tx) || !asTold(&op.out.Record, &r.Record) {
			say(ruleChanged, "%s was to be %s of %d, and is %+v; what was told is %+v", op.tx.ID, op.tx.Kind, op.tx.Amount, r.Record, op.out.Record)
		}
		if r.block != op.out.Block || r.position != op.out.Position {
			say(ruleStatus, "%s was acknowledged at %d/%d and is at %d/%d", op.tx.ID, op.out.Block, op.out.Position, r.block, r.position)
		}
	case refused:
		checkRefusal(op, there, end, say)
	case notApplied:
		// Only where no other attempt may have brought it.
		if there && !slices.ContainsFunc(same, func(o operation) bool {
			return o.verdict == done || o.verdict == unknown || o.verdict == refused
		}) {
			say(ruleNot, "%s is record %d, and all that was said of it is that it was not applied (%v)", op.tx.ID, place, op.err)
		}
	}
}

func checkRefusal(op operation, there bool, end *ledger, say func(rule, format string, args ...any)) {
	switch op.code {
	case chain.AmountTooSmall, chain.ExpiresTooFar, chain.KeyWrong:
		return // for now
	case chain.Expired: // the clock says so for ever, and nobody has to remember it
		if there {
			say(ruleRefused, "%s was too late at %v, and is there", op.tx.ID, op.ended)
		}
	case chain.IDReused:
		_, known := end.refused[op.tx.ID]
		if !there && !known && !end.partial {
			say(ruleRefused, "%s was taken, and nobody has it", op.tx.ID)
		}
	default:
		if there {
			say(ruleRefused, "%s was refused (%s) at %v, and is there", op.tx.ID, op.code, op.ended)
		} else if now := end.refused[op.tx.ID]; now != op.code && !(end.partial && now == "") {
			say(ruleRefused, "%s was refused as %q, and is %q now", op.tx.ID, op.code, now)
		}
	}
}

// checkStatus: what was decided stays so.
func checkStatus(op operation, at map[chain.ID]int, end *ledger, say func(rule, format string, args ...any)) {
	place, there := at[op.tx.ID]
	switch {
	case op.verdict == done && op.code == "":
		if !there && end.partial {
			return
		} else if !there {
			say(ruleStatus, "%s was there at %v, and is not", op.tx.ID, op.ended)
		} else if r := end.records[place-1]; r.block != op.out.Block || r.position != op.out.Position {
			say(ruleStatus, "%s was at %d/%d at %v, and is at %d/%d", op.tx.ID, op.out.Block, op.out.Position, op.ended, r.block, r.position)
		}
	case op.verdict == done:
		if now := end.refused[op.tx.ID]; now != op.code && !(end.partial && now == "") {
			say(ruleStatus, "%s was refused (%s), and is %q now", op.tx.ID, op.code, now)
		}
	}
}

// checkOrder: whatever was answered is before whatever was asked afterwards; and an id
// that was decided is known to whoever asks afterwards.
func checkOrder(all []operation, at map[chain.ID]int, say func(rule, format string, args ...any)) {
	decided := map[chain.ID]operation{} // the first answer
	var last operation                  // of those answered so far, the one with the highest place
	byEnd := slices.Clone(all)
	slices.SortStableFunc(byEnd, func(a, b operation) int { return cmp.Compare(a.ended, b.ended) })
	byCall := slices.Clone(all)
	slices.SortStableFunc(byCall, func(a, b operation) int { return cmp.Compare(a.called, b.called) })
	next := 0
	for _, op := range byCall {
		for next < len(byEnd) && byEnd[next].ended < op.called {
			e := byEnd[next]
			next++
			if e.kind == submit && e.verdict == done && !e.out.Replay && at[e.tx.ID] > at[last.tx.ID] {
				last = e
			}
			if _, known := decided[e.tx.ID]; !known && (e.kind == submit || e.kind == status) && e.verdict == done {
				decided[e.tx.ID] = e
			}
		}
		if op.kind == submit && op.verdict == done && !op.out.Replay && at[op.tx.ID] < at[last.tx.ID] {
			say(ruleOrder, "%s, asked for at %v, comes before %s, acknowledged at %v", op.tx.ID, op.called, last.tx.ID, last.ended)
		}
		if before, known := decided[op.tx.ID]; known && op.kind == status && op.verdict == refused {
			say(ruleStatus, "%s was known at %v, and unknown to %s at %v", op.tx.ID, before.ended, op.member, op.called)
		}
	}
}

// checkLinearizable has porcupine look for moments between question and answer at which
// all that was read was true. The records of the ledger are in an order already, so the
// state is how many of them there were.
func checkLinearizable(all []operation, at map[chain.ID]int, end *ledger, say func(rule, format string, args ...any)) {
	sums := runningBalances(all, end)
	var ops []porcupine.Operation
	clients := map[string]int{}
	brought := map[chain.ID]bool{}
	first := map[chain.ID]time.Duration{}
	last := time.Duration(0)
	for _, op := range all {
		last = max(last, op.ended)
		if op.kind == submit {
			if t, known := first[op.tx.ID]; !known || op.called < t {
				first[op.tx.ID] = op.called
			}
		}
	}
	add := func(client string, in any, called, ended time.Duration) {
		id, known := clients[client]
		if !known {
			id = len(clients)
			clients[client] = id
		}
		ops = append(ops, porcupine.Operation{ClientId: id, Input: in, Call: int64(called), Return: int64(ended)})
	}
	// A write is open from when it was first asked for until its first acknowledgement.
	byEnd := slices.Clone(all)
	slices.SortStableFunc(byEnd, func(a, b operation) int { return cmp.Compare(a.ended, b.ended) })
	for i, op := range byEnd {
		switch {
		case op.kind == submit && op.verdict == done && !brought[op.tx.ID]:
			brought[op.tx.ID] = true
			add(fmt.Sprint("w", op.tx.ID), written{at[op.tx.ID]}, first[op.tx.ID], op.ended)
		case op.kind == balance && op.verdict == done:
			add(fmt.Sprint(op.client, i), wasBalance{op.account, op.balance}, op.called, op.ended)
		case op.kind == head && op.verdict == done:
			add(fmt.Sprint(op.client, i), wasLength{op.records}, op.called, op.ended)
		}
	}
	for id, place := range at {
		if !brought[id] {
			add(fmt.Sprint("w", id), written{place}, first[id], last+1)
		}
	}
	model := porcupine.Model{
		Init: func() any { return 0 },
		Step: func(state, in, _ any) (bool, any) {
			n := state.(int)
			switch in := in.(type) {
			case written:
				return in.place == n+1, n + 1
			case wasBalance:
				return sums[in.account][n] == in.balance, n
			case wasLength:
				return in.records == uint64(n), n
			}
			return false, n
		},
		Equal: func(a, b any) bool { return a == b },
	}
	// By its own measure of time: the clock of a bubble stands still while it thinks.
	if res := porcupine.CheckOperationsTimeout(model, ops, 0); res == porcupine.Illegal {
		say(ruleReads, "%d operations have no order", len(ops))
	}
}

type (
	written    struct{ place int }
	wasBalance struct {
		account string
		balance chain.Amount
	}
	wasLength struct{ records uint64 }
)

// runningBalances is what each account that was read had after each number of records.
func runningBalances(all []operation, end *ledger) map[string][]chain.Amount {
	sums := map[string][]chain.Amount{}
	for _, op := range all {
		if op.kind == balance && sums[op.account] == nil {
			sums[op.account] = make([]chain.Amount, len(end.records)+1)
			sums[op.account][0] = end.start[op.account]
		}
	}
	for i, r := range end.records {
		for _, of := range sums {
			of[i+1] = of[i]
		}
		effects(&r.Record, func(account string, by chain.Amount) {
			if of, ok := sums[account]; ok {
				of[i+1] += by
			}
		})
	}
	return sums
}
