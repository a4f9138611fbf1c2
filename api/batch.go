package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/decision"
	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// postBatch is POST /v1/transactions:batch. Each item has a result of its own;
// the request as a whole is refused only when it cannot be read.
func (s *memberServer) postBatch(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	if c.Request.Header[protocol.IdempotencyKey] != nil {
		return fmt.Errorf("%w: %s names one transaction; give each item of a batch its \"key\"", chain.InvalidField, protocol.IdempotencyKey)
	}
	if err := s.readWrite(c, w, maxBatchBody); err != nil {
		return err
	}
	drafts, inBody, err := w.read.Batch(w.in)
	if err != nil {
		return err
	}
	contract, err := s.contractNamed(c, inBody)
	if err != nil {
		return err
	}
	if err := w.reserve(len(drafts) * resultBytes); err != nil {
		return err
	}
	outcomes, err := s.submitBatch(c, w, contract, drafts)
	if err != nil {
		return err
	}
	s.answerForBatch(c, outcomes)
	w.out = decision.AppendResults(w.out, drafts, outcomes, s.resolveBatch(c, contract, outcomes))
	if slices.ContainsFunc(outcomes, func(o chain.Outcome) bool { return liesInTime(o.Refused) }) {
		w.out = strconv.AppendInt(jsonobject.AppendKey(w.out, "chain_time"), int64(s.chainNow(contract.Token).Seconds()), 10)
	}
	w.out = append(w.out, "}\n"...)
	s.sendJSON(c, http.StatusOK, w.out)
	return nil
}

// answerForBatch is answerFor of the last record that was made.
func (s *memberServer) answerForBatch(c *gin.Context, outcomes []chain.Outcome) {
	var last *chain.Outcome
	for i := range outcomes {
		if o := &outcomes[i]; o.Err == nil && o.Refused == "" && (last == nil || o.Block >= last.Block) {
			last = o
		}
	}
	if last != nil {
		s.answerFor(c, last)
	}
}

// submitBatch orders the items that can be ordered. It fails when none was,
// all for one reason: then the batch as a whole can be sent again.
func (s *memberServer) submitBatch(c *gin.Context, w *work, contract *intake.Chain, drafts []intake.Draft) ([]chain.Outcome, error) {
	txs, err := s.check.Check(&w.read, contract, drafts)
	if err != nil || len(txs) == 0 {
		return nil, err
	}
	outcomes, err := s.submit(c, contract, txs)
	if err != nil {
		return nil, err
	}
	for i := range outcomes {
		if outcomes[i].Err != nil {
			outcomes[i].Err = problem.NoResult(nil, outcomes[i].Err)
		}
	}
	if len(txs) == len(drafts) {
		return outcomes, noneOrdered(outcomes)
	}
	return outcomes, nil
}

// resolveBatch finds how those holds have ended that items are replays of, as
// long as this replica can tell: one for each outcome, or nil when there is none.
func (s *memberServer) resolveBatch(c *gin.Context, contract *intake.Chain, outcomes []chain.Outcome) (resolved []chain.Code) {
	for i := range outcomes {
		code, err := s.resolvedSince(c, contract, &outcomes[i])
		switch {
		case err != nil:
			return resolved
		case code == "":
		case resolved == nil:
			resolved = make([]chain.Code, len(outcomes))
			fallthrough
		default:
			resolved[i] = code
		}
	}
	return resolved
}

// noneOrdered returns the reason for which no transaction was ordered, if it
// is the same for all.
func noneOrdered(outcomes []chain.Outcome) error {
	if outcomes[0].Err == nil {
		return nil
	}
	code := problem.CodeOf(outcomes[0].Err)
	for i := range outcomes {
		if outcomes[i].Err == nil || code == string(outcome.Unknown) || problem.CodeOf(outcomes[i].Err) != code {
			return nil
		}
	}
	return outcomes[0].Err
}
