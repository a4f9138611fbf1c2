package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// getReceipt is GET /v1/transactions/{id}/receipt: a file that proves the record
// to whoever knows the members' keys. ?wait= is how long to wait for a
// checkpoint that covers it. A later one gives another receipt, as good.
func (s *server) getReceipt(c *gin.Context) error {
	id, err := chain.ParseHash(c.Param("id"))
	if err != nil {
		return err
	}
	wait, err := queryDuration(c, "wait", maxLongPoll)
	if err != nil {
		return err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return err
	}
	outcome, sent, err := find(c, s, chain.NotFound, func() (chain.Outcome, error) { return s.read.Transaction(contract.Token, id) })
	switch {
	case sent:
		return nil
	case errors.Is(err, chain.NotFound):
		return &detailed{err: err, id: id, unknown: true}
	case err != nil:
		return err
	case outcome.Refused != "":
		return &detailed{err: chain.NotFound, id: id, detail: fmt.Sprintf(
			"There is no record to prove: the transaction was refused (%s) and nothing moved", outcome.Refused)}
	}
	if wait > 0 {
		if err := s.awaitCover(c, contract.Token, outcome.Block, wait); err != nil {
			return err
		}
	}
	receipt, err := s.receipt(contract.Token, &outcome)
	if err != nil {
		return err
	}
	c.Writer.Header()["Content-Disposition"] = []string{`attachment; filename="` + id.String() + proof.ReceiptSuffix + `"`}
	s.sendChanging(c, receipt)
	return nil
}

// awaitCover waits for a checkpoint over a block. That none has come is for the
// receipt to say.
func (s *server) awaitCover(c *gin.Context, token string, block uint64, wait time.Duration) error {
	err := s.awaitCheckpoint(c, token, block, wait)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// receipt puts together what proves a record, from what this node has stored.
func (s *server) receipt(token string, o *chain.Outcome) ([]byte, error) {
	note, err := s.evidence.Checkpoint(token)
	if errors.Is(err, chain.NotFound) {
		return nil, notReady(o, "there is no checkpoint yet")
	}
	if err != nil {
		return nil, err
	}
	signed, err := proof.ReadCheckpoint(note)
	if err != nil {
		return nil, ownFault(err)
	}
	info, err := s.read.Contract(token)
	switch {
	case err != nil:
		return nil, err
	case signed.Size < o.Block:
		return nil, notReady(o, fmt.Sprintf("the newest checkpoint is of %d blocks", signed.Size))
	case info.Length < signed.Size:
		return nil, notReady(o, fmt.Sprintf("this node has %d blocks of the %d that are signed", info.Length, signed.Size))
	}
	receipt, err := s.buildReceipt(token, o, signed.Size, note)
	if err != nil {
		return nil, ownFault(err)
	}
	return receipt, nil
}

func (s *server) buildReceipt(token string, o *chain.Outcome, size uint64, note []byte) ([]byte, error) {
	path, err := proof.ProveInclusion(size, o.Block-1, s.evidence.LogHashes(token))
	if err != nil {
		return nil, err
	}
	canonical, hash, err := s.read.Block(token, o.Block)
	if err != nil {
		return nil, err
	}
	leaf, err := proof.LeafOfBlock(canonical, hash)
	if err != nil {
		return nil, err
	}
	receipt, err := proof.BuildReceipt(leaf, canonical, o.Position, path, note)
	if err != nil {
		return nil, err
	}
	return receipt.Marshal()
}

func notReady(o *chain.Outcome, why string) error {
	return &detailed{err: ErrReceiptNotReady, id: o.Record.ID, detail: fmt.Sprintf(
		"The record is final, in block %d, and not signed for yet: %s; ask again, or with ?wait=5s", o.Block, why)}
}
