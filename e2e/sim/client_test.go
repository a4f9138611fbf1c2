package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// client is somebody who moves tokens and reads, one thing at a time, and asks again, by
// the same id, when nobody knows what became of something. It reaches members over a
// network that loses requests and answers. Its goroutine alone uses it.
type client struct {
	s    *simulation
	name string
	rand *rand.Rand
	to   int // the member that it goes to
	n    uint64
	asks uint64
	old  []sent // for retries long after
}

// operation is one line of the history: what somebody asked once, and what came back.
type operation struct {
	client string
	kind   kind
	token  string
	called time.Duration
	ended  time.Duration
	member string

	tx      chain.Transaction // of a submission, and the id of a question
	batch   *batch            // that the submission is one of; nil: it was sent alone
	account string            // of a balance

	verdict verdict
	code    chain.Code    // why it was refused
	out     chain.Outcome // of what was done, or is known
	balance chain.Amount
	records uint64
	length  uint64
	root    chain.Hash
	err     error
}

// sent is what a client has sent, and to which contract.
type sent struct {
	token string
	tx    chain.Transaction
}

// batch is what somebody sends together.
type batch struct {
	txs  []chain.Transaction
	outs []chain.Outcome // as many, or none: it was not decided as one
}

type kind string

const (
	submit  kind = "submit"
	balance kind = "balance" // behind a barrier
	status  kind = "status"  // behind a barrier
	head    kind = "head"    // behind a barrier
	// behind a barrier, too
	checkpoint kind = "checkpoint"
)

type verdict string

const (
	done       verdict = "done"
	refused    verdict = "refused"     // for good, or for now: the code says
	notApplied verdict = "not applied" // for sure
	unknown    verdict = "unknown"
)

// What clients wait for at most, and how long they think.
const (
	patience = 3 * time.Second
	slack    = 100 * time.Millisecond // by which a member answers later than its deadline
	thinking = 200 * time.Millisecond
	retry    = 150 * time.Millisecond
)

func newClient(s *simulation, i int) *client {
	name := fmt.Sprintf("c%d", i+1)
	r := s.world.draw(name, 0)
	return &client{s: s, name: name, rand: r, to: r.IntN(len(s.members))}
}

// run works until it is told to stop, and then finishes what is open.
func (c *client) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(c.rand.Int64N(int64(2 * thinking)))):
		}
		of := token
		if c.rand.IntN(3) == 0 {
			of = signedToken
		}
		switch k := c.rand.IntN(20); {
		case k < 2:
			c.moveAll(of, stop)
		case k < 11:
			c.move(sent{of, c.fresh(of)}, stop)
		case k < 13 && len(c.old) > 0: // the network, or a client that lost its notes, sends it again
			c.move(c.old[c.rand.IntN(len(c.old))], stop)
		case k < 14 && len(c.old) > 0: // another one under an id that is taken
			other := c.old[c.rand.IntN(len(c.old))]
			if other.token == signedToken { // nobody has two of one id there
				continue
			}
			if other.tx.Amount--; other.tx.Amount == 0 {
				other.tx.Amount = 2
			}
			c.move(other, stop)
		case k < 17:
			c.ask(operation{kind: balance, token: of, account: c.s.account(of, c.rand.IntN(accounts))})
		case k < 18 && len(c.old) > 0:
			was := c.old[c.rand.IntN(len(c.old))]
			c.ask(operation{kind: status, token: was.token, tx: was.tx})
		case k < 19 && c.s.plan.Attests && c.rand.IntN(2) == 0:
			c.ask(operation{kind: checkpoint, token: of})
		case k < 19:
			c.ask(operation{kind: head, token: of})
		default:
			c.to = c.rand.IntN(len(c.s.members))
		}
	}
}

// accounts is how many there are.
const accounts = 6

func account(i int) string { return fmt.Sprintf("w%d", i+1) }

// transfer is a new one: of little, or now and then of so much that it may be refused for
// good.
func (c *client) transfer() chain.Transaction {
	c.n++
	tx := chain.Transaction{
		ID:     chain.DeriveID([]byte(fmt.Sprintf("%s/%d", c.name, c.n))),
		Sender: account(c.rand.IntN(accounts)), Recipient: account(c.rand.IntN(accounts)),
		Amount: chain.Amount(1 + c.rand.Int64N(1000)),
	}
	if c.rand.IntN(8) == 0 {
		tx.Amount = chain.MaxUnits - chain.Amount(c.rand.Int64N(1000))
	}
	return tx
}

// move submits a transaction until it is decided, as a client does.
func (c *client) move(t sent, stop <-chan struct{}) {
	c.old = append(c.old, t)
	for {
		op := c.ask(operation{kind: submit, token: t.token, tx: t.tx})
		if op.out.Completed && c.s.plan.Attests { // while some have signed the new block, and not enough
			c.ask(operation{kind: checkpoint, token: t.token})
		}
		if op.verdict == done || op.verdict == refused {
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(c.rand.Int64N(int64(2 * retry)))):
		}
	}
}

// most is how many transactions are sent together at most.
const most = 6

// moveAll submits several transactions as one request, and then those one by one of which
// it does not know what became of them. Some of them may have been sent before.
func (c *client) moveAll(to string, stop <-chan struct{}) {
	b := &batch{}
	for range 2 + c.rand.IntN(most-1) {
		tx := c.fresh(to)
		if len(c.old) > 0 && c.rand.IntN(6) == 0 {
			if was := c.old[c.rand.IntN(len(c.old))]; was.token == to {
				tx = was.tx
			}
		}
		b.txs = append(b.txs, tx)
	}
	answer := c.ask(operation{kind: submit, token: to, batch: b})
	for i, tx := range b.txs {
		if op := answer.of(i); op.verdict == done || op.verdict == refused {
			c.old = append(c.old, sent{to, tx})
		} else {
			c.move(sent{to, tx}, stop)
		}
	}
}

// of is what was said of one of a batch.
func (op operation) of(i int) operation {
	op.tx = op.batch.txs[i]
	if len(op.batch.outs) > 0 {
		op.out = op.batch.outs[i]
		op.verdict, op.code, op.err = judge(op.out)
	}
	return op
}

// ask asks a member once, and writes down what came of it.
func (c *client) ask(op operation) operation {
	op.client, op.called, op.member = c.name, c.s.world.since(), memberName(c.to)
	c.asks++
	c.s.history.begin(op)
	answered := make(chan operation, 1)
	c.s.request(c, c.asks, op, answered)
	select {
	case op = <-answered:
	case <-time.After(patience + 2*time.Second):
		// An answer that comes later is for nobody.
		op.verdict = unknown
		op.err = errors.New("no answer")
	}
	op.ended = c.s.world.since()
	if op.verdict == notApplied || op.verdict == unknown {
		c.to = (c.to + 1) % len(c.s.members)
	}
	if op.batch == nil {
		c.s.history.add(op)
		return op
	}
	for i := range op.batch.txs {
		c.s.history.add(op.of(i))
	}
	return op
}

// request is the way to a member and back. It may be lost either way.
func (s *simulation) request(c *client, n uint64, op operation, answered chan operation) {
	to := c.to
	r := s.world.draw(c.name, n)
	there, back := clientLatency(r), clientLatency(r)
	lostThere, lostBack := r.IntN(1000), r.IntN(1000)
	s.world.post(step{kind: "questions and answers", who: c.name, n: n, delay: there, what: fmt.Sprintf("%s to %s", op.kind, memberName(to)), do: func() {
		m := s.members[to]
		l := m.life
		switch {
		case lostThere < s.lossy || l == nil && !s.net.hosts[to].powered || s.away[to] > 0:
			return // silence
		case l == nil || !l.ready.Load():
			op.verdict, op.err = notApplied, errors.New("connection refused")
			answered <- op
			return
		}
		if amid := s.amid; amid != nil && op.kind == submit {
			s.amid = nil
			amid()
		}
		s.running.Go(func() {
			began := s.world.since()
			op := l.serve(op)
			took := s.world.since() - began
			s.world.post(step{kind: "questions and answers", who: c.name + "<", n: n, delay: back, what: fmt.Sprintf("%s: %s", op.kind, op.verdict), do: func() {
				if took > patience+slack && !l.over() {
					s.fail("%s: %v took %v for %s", ruleAnswers, l, took, op.kind)
				}
				if l.over() || l.broken.Load() != nil || lostBack < s.lossy || s.away[to] > 0 {
					return // the connection ended before
				}
				answered <- op
			}})
		})
	}})
}

func clientLatency(r *rand.Rand) func() time.Duration {
	d := 200*time.Microsecond + time.Duration(r.Int64N(int64(time.Millisecond)))
	if r.IntN(30) == 0 {
		d += time.Duration(r.Int64N(int64(200 * time.Millisecond)))
	}
	return func() time.Duration { return d }
}

// serve is what a member does for a client, as its API does.
func (l *life) serve(op operation) operation {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if op.kind == submit {
		return l.submit(ctx, op)
	}
	if err := l.node.Barrier(ctx); err != nil {
		op.verdict, op.err = notApplied, err // a read has no effect
		return op
	}
	op.verdict = done
	var err error
	switch op.kind {
	case balance:
		var a chain.Account
		a, err = l.store.Account(op.token, op.account)
		op.balance, op.records = a.Balance, a.Records
	case status:
		op.out, err = l.store.Transaction(op.token, op.tx.ID)
		op.code = op.out.Refused
		if errors.Is(err, chain.NotFound) {
			op.verdict, err = refused, nil
			op.code = chain.NotFound
		}
	case checkpoint:
		err = l.readCheckpoint(&op)
	case head:
		var info chain.Info
		info, err = l.store.Contract(op.token)
		op.records, op.length = info.Records, info.Length
	}
	if err != nil {
		op.verdict, op.err = notApplied, err
	}
	return op
}

func (l *life) submit(ctx context.Context, op operation) operation {
	contract := l.store.KnownContract(op.token)
	if contract == nil {
		op.verdict, op.err = notApplied, errors.New("no contract yet")
		return op
	}
	if op.batch != nil {
		op.batch = &batch{txs: op.batch.txs, outs: l.requests().Submit(ctx, contract, op.batch.txs)}
		op.verdict = done // each by itself
		return op
	}
	op.out = l.requests().Submit(ctx, contract, []chain.Transaction{op.tx})[0]
	op.verdict, op.code, op.err = judge(op.out)
	return op
}

// judge is what an outcome means, as the API says it.
func judge(out chain.Outcome) (verdict, chain.Code, error) {
	var code chain.Code
	var of outcome.Code
	switch {
	case out.Err == nil && out.Refused == "":
		return done, "", nil
	case out.Err == nil:
		return refused, out.Refused, nil
	case errors.As(out.Err, &code):
		return refused, code, out.Err
	case errors.As(out.Err, &of) && !errors.Is(out.Err, outcome.Unknown):
		return notApplied, "", out.Err
	}
	return unknown, "", out.Err
}
