package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

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
		return withDetail(proof.ErrTileMissing, fmt.Sprintf("The log of %d blocks has no %s", info.Length, proof.TilePath(tile)))
	}
	if keptForEver(c, `"`+info.ID.String()+"/"+proof.TilePath(tile)+`"`) {
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
	select {
	case s.bundling <- struct{}{}:
		defer func() { <-s.bundling }()
	case <-wait.Done():
		return nil, fmt.Errorf("%w: other bundles are being made", ErrBehind)
	}
	var data, leaf []byte
	first := uint64(tile.N)<<tile.H + 1
	for index := first; index < first+uint64(tile.W) && ctx.Err() == nil; index++ {
		canonical, hash, err := s.read.Block(token, index)
		if err != nil {
			return nil, err
		}
		l, err := proof.LeafOfBlock(canonical, hash)
		if err != nil {
			return nil, err
		}
		leaf = proof.AppendLeaf(leaf[:0], &l)
		data = proof.AppendEntry(data, leaf)
	}
	return data, ctx.Err()
}

// ownFault is what it means that evidence cannot be made of what this node has
// stored: not that something is not there, nor that the client is wrong.
func ownFault(err error) error {
	var ledger chain.Code
	if errors.As(err, &ledger) {
		return fmt.Errorf("%w: %v", chain.ErrInvalid, err)
	}
	return err
}
