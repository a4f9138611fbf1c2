package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/decision"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/protocol"
)

// postTutorialTransaction is the tutorial's POST /transactions/new.
func (s *memberServer) postTutorialTransaction(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	to, outcome, err := s.transact(c, w, intake.Envelope{Lenient: true})
	if err != nil {
		return inTutorialWords(err)
	}
	resolved, _ := s.resolvedSince(c, to, &outcome) // as in answerTransaction
	if to.Schedule.Transactions == 1 && outcome.Completed {
		var err error
		w.out, err = s.appendForged(c, append(w.out, '{'), to.Token, outcome.Block, outcome.AppliedIndex)
		if err == nil {
			w.out = decision.AppendMoved(w.out, to, &outcome, resolved)
			s.sendJSON(c, http.StatusCreated, append(w.out, "}\n"...))
			return nil
		}
		// The transfer is final. That this replica cannot show its block yet
		// is no reason to call it anything else.
		w.out = w.out[:0]
	}
	w.out = append(w.out, `{"message":"Transaction will be added to Block `...)
	w.out = strconv.AppendUint(w.out, outcome.Block, 10)
	w.out = append(w.out, '"')
	w.out = decision.AppendMoved(w.out, to, &outcome, resolved)
	s.sendJSON(c, http.StatusCreated, append(w.out, "}\n"...))
	return nil
}

// inTutorialWords replaces the detail where the tutorial has a sentence.
func inTutorialWords(err error) error {
	if errors.Is(err, chain.MissingValues) {
		return problem.WithDetail(chain.MissingValues, intake.MissingValues)
	}
	return err
}

// postTransaction is POST /v1/transactions.
func (s *memberServer) postTransaction(c *gin.Context) error {
	return s.answerTransaction(c, intake.Envelope{})
}

func (s *memberServer) answerTransaction(c *gin.Context, e intake.Envelope) error {
	w := s.pool.get()
	defer s.pool.put(w)
	to, outcome, err := s.transact(c, w, e)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if outcome.Replay {
		status = http.StatusOK
	}
	var id [2 * len(outcome.Record.ID)]byte
	c.Writer.Header()["Location"] = []string{s.location(outcome.Record.ID.AppendHex(id[:0]), to.Token)}
	// Where this replica cannot tell how a hold ended, it says what was decided.
	resolved, _ := s.resolvedSince(c, to, &outcome)
	w.out = decision.AppendTransaction(append(w.out, '{'), to, &outcome, resolved)
	s.sendJSON(c, status, append(w.out, "}\n"...))
	return nil
}

// readTransaction turns a request into a transaction with its id, whose
// signature is good where the contract wants one.
func (s *memberServer) readTransaction(c *gin.Context, w *work, e intake.Envelope) (*intake.Chain, *intake.Draft, []chain.Transaction, error) {
	var err error
	if e.Key, err = idempotencyKey(c); err != nil {
		return nil, nil, nil, err
	}
	if err := s.readWrite(c, w, maxBody); err != nil {
		return nil, nil, nil, err
	}
	drafts, inBody, err := w.read.Transaction(w.in, e)
	if err != nil {
		return nil, nil, nil, err
	}
	to, err := s.contractNamed(c, inBody)
	if err != nil {
		return nil, nil, nil, err
	}
	txs, err := s.check.Check(&w.read, to, drafts)
	if err == nil {
		err = drafts[0].Refused
	}
	return to, &drafts[0], txs, err
}

// readWrite reads the body of what is to be ordered, or refuses it before that where
// there is more to order than can be: to read and check what is refused then would take
// the time of what is not.
func (s *memberServer) readWrite(c *gin.Context, w *work, limit int64) error {
	// What is ordered is smaller than its JSON, so that a body that is not small can still be
	// a small request; that one is told of the load there is for large ones.
	if err := s.member.Busy(int(max(0, c.Request.ContentLength))); err != nil {
		return err
	}
	return readBody(c, w, limit)
}

// transact reads, checks and orders the one transaction of a request.
func (s *memberServer) transact(c *gin.Context, w *work, e intake.Envelope) (*intake.Chain, chain.Outcome, error) {
	to, draft, txs, err := s.readTransaction(c, w, e)
	if err != nil {
		return nil, chain.Outcome{}, err
	}
	outcomes, err := s.submit(c, to, txs)
	if err != nil {
		return nil, chain.Outcome{}, err
	}
	outcome := outcomes[0]
	if err := problem.NoRecord(draft, &outcome); err != nil {
		return nil, chain.Outcome{}, s.aboutTime(err, to, draft)
	}
	if outcome.Replay {
		c.Writer.Header()[protocol.IdempotentReplay] = replayed
	}
	s.answerFor(c, &outcome)
	return to, outcome, nil
}

// submit orders transactions of one contract.
func (s *memberServer) submit(c *gin.Context, to *intake.Chain, txs []chain.Transaction) ([]chain.Outcome, error) {
	outcomes := s.write.Submit(s.patience.Within(c.Request.Context()), &to.Contract, txs)
	if len(outcomes) != len(txs) {
		return nil, fmt.Errorf("%d outcomes of %d transactions", len(outcomes), len(txs))
	}
	return outcomes, nil
}

// answerFor notes what this member has said of the ledger, and tells the client
// from which block on everybody says the same.
func (s *memberServer) answerFor(c *gin.Context, o *chain.Outcome) {
	s.answered.saw(o.AppliedIndex)
	c.Writer.Header()[protocol.MinBlock] = []string{strconv.FormatUint(o.Block, 10)}
}

// idempotencyKey returns the client's key, "" where it gave none.
func idempotencyKey(c *gin.Context) (string, error) {
	switch values := c.Request.Header[protocol.IdempotencyKey]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", fmt.Errorf("%w: more than one %s", chain.InvalidField, protocol.IdempotencyKey)
	default:
		return values[0], intake.CheckKey(values[0])
	}
}

// unkeyed refuses an idempotency key where there is none to be obeyed: whoever
// sends it believes that a repeat is safe.
func unkeyed(h handler) handler {
	return func(c *gin.Context) error {
		if c.Request.Header[protocol.IdempotencyKey] != nil {
			return fmt.Errorf("%w: this path takes no %s", chain.InvalidField, protocol.IdempotencyKey)
		}
		return h(c)
	}
}

// chainNow is the time by which the ledger would judge a
// transaction that came now.
func (s *memberServer) chainNow(token string) chain.Micros {
	if now, ok := s.now(); ok {
		return now
	}
	return s.read.Time(token)
}

// liesInTime tells whether a refusal is for the time of a transaction.
func liesInTime(code chain.Code) bool { return code == chain.Expired || code == chain.ExpiresTooFar }

// aboutTime adds to a refusal that lies in the time of a transaction what the
// chain's time is: the client's clock may be wrong, or the chain's ahead.
func (s *memberServer) aboutTime(err error, to *intake.Chain, draft *intake.Draft) error {
	var d *problem.Error
	var code chain.Code
	if draft.Tx.Auth == nil || !errors.As(err, &d) || !errors.As(err, &code) || !liesInTime(code) {
		return err
	}
	d.ChainTime = s.chainNow(to.Token).Seconds()
	d.Detail = fmt.Sprintf("It expires at %s, and the chain's time is %s", readable(draft.Tx.Auth.Expires), readable(d.ChainTime))
	return d
}

// readable shows a time as people and programs read them.
func readable(t chain.Seconds) string {
	return t.Time().UTC().Format(time.RFC3339) + " (" + strconv.FormatInt(int64(t), 10) + ")"
}
