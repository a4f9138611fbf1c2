package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
	"github.com/bpsc/bpsc/internal/webserver"
)

// BlockReader reads the blocks of a node's chains.
type BlockReader interface {
	// Block fails with chain.NotFound or chain.ContractUnknown.
	Block(token string, index uint64) (canonical []byte, hash chain.Hash, err error)
	// Blocks calls yield for those of the blocks from…from+limit-1 that exist,
	// oldest first. limit 0 is all up to the tip at the time of the call. Who
	// gets the bytes may keep them; an error of yield ends the call.
	Blocks(token string, from, limit uint64, yield func(index uint64, canonical []byte) error) error
	// WaitBlock returns once the block exists here, or with ctx's error.
	WaitBlock(ctx context.Context, token string, index uint64) error
}

// Forms of a chain, which make the same blocks other bytes.
const (
	formChain = "chain"
	formSmart = "smart"
	formLines = "lines"
	formPage  = "page" // with next, for ever
	formNow   = "page-now"
)

// getChain is GET /chain: {"chain": [ … ], "length": N}. length is that of the
// whole chain also when from or limit ask for a part of it.
func (s *server) getChain(c *gin.Context) error {
	sp, info, err := s.chainRequest(c, 0, math.MaxInt64)
	if err != nil || httpcache.NotModified(c, sp.tag(info.Tip, formChain)) {
		return err
	}
	return s.sendBlocks(c, ofLength(`{"chain": [`, info.Length), sp, info.Length, s.blocksOf(&info))
}

// getSmartChain is GET /smart/chain, the same in other words; with from,
// limit, wait and NDJSON it is how followers keep up.
func (s *server) getSmartChain(c *gin.Context) error {
	c.Writer.Header().Add(headerVary, varyAccept[0])
	wait, err := query.Duration(c, "wait", maxLongPoll)
	if err != nil {
		return err
	}
	sp, info, err := s.chainRequest(c, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	waits := wait > 0 && sp.from > info.Length
	if waits {
		err := s.waitLong(c, wait, func(ctx context.Context) error { return s.read.WaitBlock(ctx, info.Contract.Token, sp.from) })
		if err != nil && !timeIsUp(err) { // no block yet is an answer too
			return err
		}
		if info, err = s.read.Contract(info.Contract.Token); err != nil {
			return err
		}
	}
	if acceptsLines(c) {
		return s.sendLines(c, sp, &info, waits)
	}
	if waits {
		httpcache.NoStore(c.Writer.Header())
	} else if httpcache.NotModified(c, sp.tag(info.Tip, formSmart)) {
		return nil
	}
	f := ofLength(`{"message": "Smart chain update by bpsc", "smart chain": [`, info.Length)
	return s.sendBlocks(c, f, sp, info.Length, s.blocksOf(&info))
}

// sendLines streams one block a line: what a program can read without holding
// more than a block. A part that is sealed is the same however the chain grows, so
// it does not say how long that is. A client that waited for the answer gets it
// whatever it has.
func (s *server) sendLines(c *gin.Context, sp span, info *chain.Info, waited bool) error {
	header := c.Writer.Header()
	if sp.sealed(info.Length) {
		tag, err := s.sealedTag(info, sp, formLines)
		if err != nil || httpcache.NotModifiedEver(c, tag) {
			return err
		}
	} else {
		header[protocol.ChainLength] = []string{strconv.FormatUint(info.Length, 10)}
		if waited {
			httpcache.NoStore(header)
		} else if httpcache.NotModified(c, sp.tag(info.Tip, formLines)) {
			return nil
		}
	}
	return s.sendBlocks(c, frame{mediaType: typeNDJSON, after: "\n"}, sp, info.Length, s.blocksOf(info))
}

func acceptsLines(c *gin.Context) bool {
	return strings.Contains(c.Request.Header.Get("Accept"), typeNDJSON[0])
}

// chainRequest is what all ways to read a chain have in common: which part of it,
// of so many blocks by default and at most, and how it stands.
func (s *server) chainRequest(c *gin.Context, byDefault, most uint64) (sp span, info chain.Info, err error) {
	if sp, err = querySpan(c, byDefault, most); err != nil {
		return sp, info, err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return sp, info, err
	}
	info, err = s.read.Contract(contract.Token)
	return sp, info, err
}

// waitLong waits at a place for answers that may take long, until it is time or
// the server drains.
func (s *server) waitLong(c *gin.Context, most time.Duration, wait func(ctx context.Context) error) error {
	leave, ok := enterShared(c, s.reading)
	if !ok {
		return problem.TooManyClients
	}
	defer leave()
	ctx, cancel := context.WithTimeout(c.Request.Context(), most)
	defer cancel()
	defer webserver.UntilDraining(ctx, cancel)()
	return wait(ctx)
}

// timeIsUp tells of an error of waitLong that what was waited for has not come.
func timeIsUp(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

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
	release, err := s.answersFor(c).Hold(c.Request.Context(), admission.FirstPatience, read)
	if errors.Is(err, chain.NotFound) {
		// Another member may have answered for it.
		if err := s.role.awaitNewest(c); err != nil {
			return err
		}
		release, err = s.answersFor(c).Hold(c.Request.Context(), admission.FirstPatience, read)
	}
	if err != nil {
		return err
	}
	defer release()
	if httpcache.NotModifiedEver(c, `"`+hash.String()+`"`) {
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
	sp, info, err := s.chainRequest(c, defaultPage, maxPage)
	if err != nil {
		return err
	}
	if query.Text(c, "limit") != "" && sp.sealed(info.Length-1) {
		tag, err := s.sealedTag(&info, sp, formPage)
		if err != nil || httpcache.NotModifiedEver(c, tag) {
			return err
		}
	} else if httpcache.NotModified(c, sp.tag(info.Tip, formNow)) {
		return nil
	}
	f := frame{mediaType: typeJSON, opening: `{"items":[`, between: ",", ending: "]}\n"}
	if next := sp.from + sp.limit; next <= info.Length {
		f.ending = `],"next":` + strconv.FormatUint(next, 10) + "}\n"
	}
	return s.sendBlocks(c, f, sp, info.Length, s.blocksOf(&info))
}
