package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// getBlock is GET /v1/blocks/{index}: the canonical bytes and nothing else, so
// that sha256sum prints the hash of the block.
func (s *server) getBlock(c *gin.Context) error {
	index, err := strconv.ParseUint(c.Param("index"), 10, 63)
	if err != nil {
		return fmt.Errorf("%w: the index of a block is a whole number", chain.InvalidField)
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return err
	}
	var canonical []byte
	var hash chain.Hash
	read := func() (_ int, err error) {
		canonical, hash, err = s.read.Block(contract.Token, index)
		return len(canonical), err
	}
	release, err := s.answers.hold(c.Request.Context(), firstPatience, read)
	if errors.Is(err, chain.NotFound) && s.newest != nil {
		// Another member may have answered for it.
		if err := s.newest(c); err != nil {
			return err
		}
		release, err = s.answers.hold(c.Request.Context(), firstPatience, read)
	}
	if err != nil {
		return err
	}
	defer release()
	if keptForEver(c, `"`+hash.String()+`"`) {
		return nil
	}
	c.Writer.Header()[headerType] = typeJSON
	sendAll(c, http.StatusOK, canonical)
	return nil
}

// getBlocks is GET /v1/blocks?from&limit: {"items":[ … ],"next":N}, without
// next when there are no more. A page with next never changes, if the client
// said how long it is to be.
func (s *server) getBlocks(c *gin.Context) error {
	from, err := queryUint(c, "from", 1, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := queryUint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return err
	}
	info, err := s.read.Contract(contract.Token)
	if err != nil {
		return err
	}
	sp := span{from, limit}
	if queryText(c, "limit") != "" && sp.sealed(info.Length-1) {
		tag, err := s.sealedTag(&info, sp, formPage)
		if err != nil || keptForEver(c, tag) {
			return err
		}
	} else if kept(c, sp.tag(info.Tip, formNow), revalidate) {
		return nil
	}
	return s.sendPage(c, sp, &info)
}
