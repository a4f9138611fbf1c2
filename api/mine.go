package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/internal/protocol"
)

// mine is GET and POST /mine: it changes the ledger whatever the method says,
// so nothing may keep or prefetch it.
func (s *memberServer) mine(c *gin.Context) error {
	httpcache.NoStore(c.Writer.Header())
	contract, err := s.contractOf(c)
	if err != nil {
		return err
	}
	if !contract.OnRequest {
		return chain.OnRequestDisabled
	}
	if err := s.mayForge(contract.Token); err != nil {
		return err
	}
	var produced chain.Produced
	// A block has no id. Asking again may forge one more, which is harmless.
	err = s.order(c, "A block may have been forged: look at the chain before asking again", func(ctx context.Context) (err error) {
		produced, err = s.write.Produce(ctx, contract.Token)
		return err
	})
	if err != nil {
		return err
	}
	s.answered.saw(produced.AppliedIndex)
	c.Writer.Header()[protocol.MinBlock] = []string{strconv.FormatUint(produced.Block, 10)}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out, err = s.appendForged(c, append(w.out, '{'), contract.Token, produced.Block, produced.AppliedIndex)
	if err != nil {
		return &problem.Error{Err: err, Final: true, Detail: fmt.Sprintf(
			"Block %d was forged; this member cannot show it yet: GET /v1/blocks/%d", produced.Block, produced.Block)}
	}
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

// appendForged writes what the tutorial tells about a new block, in its canonical
// text, once this replica has applied the write that completed it. Where it
// cannot, dst is as it was.
func (s *memberServer) appendForged(c *gin.Context, dst []byte, token string, index, appliedIndex uint64) ([]byte, error) {
	if err := s.catchUp(c, appliedIndex); err != nil {
		return dst, err
	}
	canonical, _, err := s.read.Block(token, index)
	if err != nil {
		return dst, err
	}
	var previous, transactions []byte
	scan := pyjson.NewScanner(canonical)
	err = scan.Object(func(key string) (err error) {
		switch key {
		case "previous_hash":
			previous, err = scan.Raw()
		case "transactions":
			transactions, err = scan.Raw()
		}
		return err
	})
	switch {
	case err != nil:
		return dst, err
	case previous == nil || transactions == nil:
		return dst, fmt.Errorf("block %d lacks a field", index)
	}
	dst = jsonobject.AppendText(dst, "message", "New Block Forged")
	dst = jsonobject.AppendUint(dst, "index", index)
	dst = jsonobject.AppendRaw(dst, "transactions", transactions)
	return jsonobject.AppendRaw(dst, "previous_hash", previous), nil
}

// mayForge bounds how fast blocks are made on request. There are no more tokens
// than contracts.
func (s *server) mayForge(token string) error {
	if s.forging.Take(token, 1, time.Now()) > 0 {
		return problem.TooManyBlocks
	}
	return nil
}
