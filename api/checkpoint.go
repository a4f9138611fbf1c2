package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/webserver"
)

// getCheckpoint is GET /v1/contracts/{token}/checkpoint: the newest signed note
// over the log of headers. ?size=N waits for one that covers so many blocks.
func (s *server) getCheckpoint(c *gin.Context) error {
	token := c.Param("token")
	size, err := queryUint(c, "size", 0, proof.MaxSize)
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
		return withDetail(err, "There is no checkpoint yet: a majority of the members has to verify the chain and sign it; ask again, or wait with ?size=1")
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
	case !errors.Is(err, ErrNoContract): // a cluster has members before it has a chain
		return err
	}
	text, err := s.evidence.Policy(token)
	if errors.Is(err, chain.NotFound) {
		return withDetail(err, "This node does not know the keys of the members yet: each makes its own known once it runs")
	}
	if err != nil {
		return err
	}
	s.sendChanging(c, text)
	return nil
}

// awaitCheckpoint waits until a checkpoint covers so many blocks.
func (s *server) awaitCheckpoint(c *gin.Context, token string, size uint64, wait time.Duration) error {
	leave, ok := enter(s.reading)
	if !ok {
		return ErrTooManyClients
	}
	defer leave()
	ctx, cancel := context.WithTimeout(c.Request.Context(), wait)
	defer cancel()
	defer webserver.UntilDraining(ctx, cancel)()
	return s.evidence.WaitCheckpoint(ctx, token, size)
}

// sendChanging answers with a text that another may take the place of.
func (s *server) sendChanging(c *gin.Context, text []byte) {
	if kept(c, `"`+chain.HashBytes(text).String()+`"`, revalidate) {
		return
	}
	c.Writer.Header()[headerType] = typeText
	s.send(c, http.StatusOK, text)
}
