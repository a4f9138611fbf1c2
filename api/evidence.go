package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Evidence is what a node can prove of its chains to whoever knows the keys of
// the members alone. Errors are chain.ContractUnknown, chain.NotFound while
// there is nothing to show yet, or those of package proof.
type Evidence interface {
	// Checkpoint is the newest signed note over the log of headers of a chain
	// that as many members signed as its policy asks for.
	Checkpoint(token string) (note []byte, err error)
	// WaitCheckpoint returns once Checkpoint covers so many blocks, or with
	// ctx's error.
	WaitCheckpoint(ctx context.Context, token string, size uint64) error
	// Policy is the text that says whose signatures count for a chain
	// (proof.ParsePolicy), as this node knows it. Who verifies gets it from
	// somebody it trusts. A member says the same for all chains, and where
	// there is none yet, token "".
	Policy(token string) (text []byte, err error)
	// Policies is the text of the policy with a number, or of the first that is known
	// where that is larger, and of the handovers that came after it and that a
	// majority of the members before has signed (proof.ParseHistory); as many as fit
	// one answer.
	Policies(token string, from int) (text []byte, err error)
	// LogHashes reads the nodes of a chain's log of headers.
	LogHashes(token string) tlog.HashReader
}

// getCheckpoint is GET /v1/contracts/{token}/checkpoint: the newest signed note
// over the log of headers. ?size=N waits for one that covers so many blocks.
func (s *server) getCheckpoint(c *gin.Context) error {
	token := c.Param("token")
	size, err := query.Uint(c, "size", 0, proof.MaxSize)
	if err != nil {
		return err
	}
	if _, err := s.contractOnChain(c, token); err != nil {
		return err
	}
	if size > 0 {
		if err := s.awaitCheckpoint(c, token, size, s.cfg.ReadTimeout); err != nil {
			return readError(err)
		}
	}
	note, err := s.evidence.Checkpoint(token)
	if errors.Is(err, chain.NotFound) {
		return problem.WithDetail(err, "There is no checkpoint yet: a majority of the members has to verify the chain and sign it; ask again, or wait with ?size=1")
	}
	if err != nil {
		return err
	}
	s.sendChanging(c, note)
	return nil
}

// getPolicy is GET /v1/policy: whose signatures count for a chain, as this node
// knows it. It is to be compared with a copy from somebody who is trusted.
func (s *server) getPolicy(c *gin.Context) error {
	token := ""
	contract, err := s.contractOf(c)
	switch {
	case err == nil:
		token = contract.Token
	case !errors.Is(err, problem.NoContract): // a cluster has members before it has a chain
		return err
	}
	text, err := s.evidence.Policy(token)
	if errors.Is(err, chain.NotFound) {
		return problem.WithDetail(err, "This node does not know the keys of the members yet: each makes its own known once it runs")
	}
	if err != nil {
		return err
	}
	s.sendChanging(c, text)
	return nil
}

// getPolicies is GET /v1/policies: who has been signing for a chain, from the policy
// with the number ?from= on, and what the members before signed of each change.
func (s *server) getPolicies(c *gin.Context) error {
	from, err := query.Uint(c, "from", 1, math.MaxInt32)
	if err != nil {
		return err
	}
	token := ""
	contract, err := s.contractOf(c)
	switch {
	case err == nil:
		token = contract.Token
	case !errors.Is(err, problem.NoContract):
		return err
	}
	text, err := s.evidence.Policies(token, int(from))
	if errors.Is(err, chain.NotFound) {
		return problem.WithDetail(err, fmt.Sprintf("This node knows no policy %d", from))
	}
	if err != nil {
		return err
	}
	s.sendChanging(c, text)
	return nil
}

// awaitCheckpoint waits until a checkpoint covers so many blocks.
func (s *server) awaitCheckpoint(c *gin.Context, token string, size uint64, wait time.Duration) error {
	return s.waitLong(c, wait, func(ctx context.Context) error { return s.evidence.WaitCheckpoint(ctx, token, size) })
}

// sendChanging answers with a text that another may take the place of.
func (s *server) sendChanging(c *gin.Context, text []byte) {
	if httpcache.NotModified(c, `"`+chain.HashBytes(text).String()+`"`) {
		return
	}
	c.Writer.Header()[headerType] = typeText
	s.send(c, http.StatusOK, text)
}

var typeBytes = []string{"application/octet-stream"}

// entryLevel is that of the leaves themselves, in tlog's coordinates.
const entryLevel = -1

// getTile is GET /v1/contracts/{token}/tile/…: a part of the log of headers
// after c2sp.org/tlog-tiles, of as many blocks as there are, signed or not. A
// partial tile has its width in its name, so it never changes either.
func (s *server) getTile(c *gin.Context) error {
	tile, err := proof.ParseTilePath("tile" + c.Param("tile"))
	if err != nil {
		return err
	}
	contract, err := s.contractOnChain(c, c.Param("token"))
	if err != nil {
		return err
	}
	info, err := s.read.Contract(contract.Token)
	if err != nil {
		return err
	}
	if !proof.TileInTree(tile, info.Length) {
		return problem.WithDetail(proof.ErrTileMissing, fmt.Sprintf("The log of %d blocks has no %s", info.Length, proof.TilePath(tile)))
	}
	if httpcache.NotModifiedEver(c, `"`+info.ID.String()+"/"+proof.TilePath(tile)+`"`) {
		return nil
	}
	var data []byte
	if tile.L == entryLevel {
		data, err = s.bundle(c.Request.Context(), info.Contract.Token, tile)
	} else {
		data, err = proof.ReadTile(tile, info.Length, s.evidence.LogHashes(info.Contract.Token))
	}
	if err != nil {
		return ownFault(err)
	}
	c.Writer.Header()[headerType] = typeBytes
	s.send(c, http.StatusOK, data)
	return nil
}

// bundle makes the entries of the log from the blocks, which nobody keeps
// besides. It holds one block at a time.
func (s *server) bundle(ctx context.Context, token string, tile tlog.Tile) ([]byte, error) {
	wait, cancel := context.WithTimeout(ctx, s.cfg.ReadTimeout)
	defer cancel()
	leave, err := s.bundling.Await(wait)
	if err != nil {
		return nil, fmt.Errorf("%w: other bundles are being made", problem.Behind)
	}
	defer leave()
	var data, leaf []byte
	first := uint64(tile.N)<<tile.H + 1
	for index := first; index < first+uint64(tile.W) && ctx.Err() == nil; index++ {
		_, l, err := s.leafOf(token, index)
		if err != nil {
			return nil, err
		}
		leaf = proof.AppendLeaf(leaf[:0], &l)
		data = proof.AppendEntry(data, leaf)
	}
	return data, ctx.Err()
}

// leafOf is a block, and what stands for it in the log of headers.
func (s *server) leafOf(token string, index uint64) (canonical []byte, leaf proof.Leaf, err error) {
	canonical, hash, err := s.read.Block(token, index)
	if err == nil {
		leaf, err = proof.LeafOfBlock(canonical, hash)
	}
	return canonical, leaf, err
}

// ownFault is what it means that evidence cannot be made of what this node has
// stored: not that something is not there, nor that the client is wrong.
func ownFault(err error) error {
	var ledger chain.Code
	if errors.As(err, &ledger) {
		return fmt.Errorf("%w: %s", chain.ErrInvalid, err.Error())
	}
	return err
}

// getReceipt is GET /v1/transactions/{id}/receipt: a file that proves the record
// to whoever knows the members' keys. ?wait= is how long to wait for a
// checkpoint that covers it. A later one gives another receipt, as good.
func (s *server) getReceipt(c *gin.Context) error {
	wait, err := query.Duration(c, "wait", maxLongPoll)
	if err != nil {
		return err
	}
	id, contract, err := s.idOf(c)
	if err != nil {
		return err
	}
	outcome, err := find(c, s, func() (chain.Outcome, error) { return s.read.Transaction(contract.Token, id) })
	switch {
	case errors.Is(err, chain.NotFound):
		return &problem.Error{Err: err, ID: id, Unknown: true}
	case err != nil:
		return err
	case outcome.Refused != "":
		return &problem.Error{Err: chain.NotFound, ID: id, Detail: fmt.Sprintf(
			"There is no record to prove: the transaction was refused (%s) and nothing moved", outcome.Refused)}
	}
	if wait > 0 {
		err := s.awaitCheckpoint(c, contract.Token, outcome.Block, wait)
		if err != nil && !timeIsUp(err) { // that no checkpoint has come is for the receipt to say
			return err
		}
	}
	receipt, err := s.receipt(contract.Token, &outcome)
	if err != nil {
		return err
	}
	c.Writer.Header()[headerDisposition] = []string{`attachment; filename="` + id.String() + proof.ReceiptSuffix + `"`}
	s.sendChanging(c, receipt)
	return nil
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
	canonical, leaf, err := s.leafOf(token, o.Block)
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
	return &problem.Error{Err: problem.ReceiptNotReady, ID: o.Record.ID, Detail: fmt.Sprintf(
		"The record is final, in block %d, and not signed for yet: %s; ask again, or with ?wait=5s", o.Block, why)}
}
