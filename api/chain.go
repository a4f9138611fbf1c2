package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// headerLength tells a reader of a part how long the whole chain is.
const headerLength = "Bpsc-Chain-Length"

// span is the part of a chain a request asks for: from is 1 and limit 0, which
// is all, where it says nothing.
type span struct{ from, limit uint64 }

func querySpan(c *gin.Context, most uint64) (sp span, err error) {
	if sp.from, err = queryUint(c, "from", 1, math.MaxInt64); err != nil {
		return sp, err
	}
	sp.limit, err = queryUint(c, "limit", 0, most)
	return sp, err
}

// getChain is GET /chain: {"chain": [ … ], "length": N}. length is that of the
// whole chain also when from or limit ask for a part of it.
func (s *server) getChain(c *gin.Context) error {
	sp, info, err := s.chainRequest(c)
	if err != nil {
		return err
	}
	return s.sendChain(c, `{"chain": [`, sp, info)
}

// getSmartChain is GET /smart/chain, the same in other words; with from,
// limit, wait and NDJSON it is how followers keep up.
func (s *server) getSmartChain(c *gin.Context) error {
	wait, err := queryDuration(c, "wait", maxLongPoll)
	if err != nil {
		return err
	}
	sp, info, err := s.chainRequest(c)
	if err != nil {
		return err
	}
	if wait > 0 && sp.from > info.Length {
		if err := s.longPoll(c, info.Contract.Token, sp.from, wait); err != nil {
			return err
		}
		if info, err = s.read.Contract(info.Contract.Token); err != nil {
			return err
		}
	}
	if strings.Contains(c.Request.Header.Get("Accept"), typeNDJSON[0]) {
		return s.sendLines(c, sp, info)
	}
	return s.sendChain(c, `{"message": "Smart chain update by bpsc", "smart chain": [`, sp, info)
}

// chainRequest is what both ways to read a chain have in common.
func (s *server) chainRequest(c *gin.Context) (sp span, info chain.Info, err error) {
	if sp, err = querySpan(c, math.MaxInt64); err != nil {
		return sp, info, err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return sp, info, err
	}
	info, err = s.read.Contract(contract.Token)
	return sp, info, err
}

// longPoll waits until the block exists, or for as long as the client said.
func (s *server) longPoll(c *gin.Context, token string, index uint64, wait time.Duration) error {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxLongPolls {
		return nil // it will ask again
	}
	// The answer may take longer than a request may take to come in.
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(c.Request.Context(), wait)
	defer cancel()
	defer untilDraining(ctx, cancel)()
	err := s.read.WaitBlock(ctx, token, index)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil // no block yet is an answer too
	}
	return err
}

// sendChain streams the blocks after opening, and the length.
func (s *server) sendChain(c *gin.Context, opening string, sp span, info chain.Info) error {
	w := s.pool.get()
	defer s.pool.put(w)
	st := s.stream(c, w)
	c.Writer.Header()[headerType] = typeJSON
	if err := st.writeString(opening); err != nil {
		return err
	}
	sent := uint64(0)
	err := s.read.Blocks(info.Contract.Token, sp.from, sp.limit, func(_ uint64, canonical []byte) error {
		if sent++; sent > 1 {
			if err := st.writeString(", "); err != nil {
				return err
			}
		}
		return st.write(canonical)
	})
	if err != nil {
		return err
	}
	length := info.Length
	if sent > 0 { // the chain may have grown since info was taken
		length = max(length, sp.from-1+sent)
	}
	if err := st.writeString(`], "length": ` + strconv.FormatUint(length, 10) + "}\n"); err != nil {
		return err
	}
	return st.close()
}

// sendLines streams one block a line: what a program can read without holding
// more than a block.
func (s *server) sendLines(c *gin.Context, sp span, info chain.Info) error {
	w := s.pool.get()
	defer s.pool.put(w)
	st := s.stream(c, w)
	header := c.Writer.Header()
	header[headerType] = typeNDJSON
	header[headerLength] = []string{strconv.FormatUint(info.Length, 10)}
	err := s.read.Blocks(info.Contract.Token, sp.from, sp.limit, func(_ uint64, canonical []byte) error {
		if err := st.write(canonical); err != nil {
			return err
		}
		return st.writeString("\n")
	})
	if err != nil {
		return err
	}
	return st.close()
}
