package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Personal is the node's own chain. Its errors wrap an outcome.Code, or one of
// pyjson's when the information itself is at fault.
type Personal interface {
	// Add puts information, which is any JSON text, into the next block. It must
	// not keep the bytes. outcome.PersonalFull means that the block takes no more.
	Add(information []byte) (block uint64, err error)
	// Forge makes the next block, an empty one too.
	Forge() (PersonalBlock, error)
	// Length counts the blocks.
	Length() uint64
	// Blocks is as that of Reader.
	Blocks(from, limit uint64, yield func(index uint64, canonical []byte) error) error
}

// PersonalBlock is what the tutorial tells about a new block.
type PersonalBlock struct {
	Index        uint64
	Information  []byte // a JSON array
	PreviousHash string
}

// addInformation is the tutorial's POST /information/new: any JSON goes into the
// next block of the personal chain.
func (s *followerServer) addInformation(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBody); err != nil {
		return err
	}
	var information []byte
	err := w.read.Object(w.in, func(s *pyjson.Scanner, key string) (err error) {
		if key == "information" {
			information, err = s.Raw()
		}
		return err
	})
	if err != nil {
		return err
	}
	if information == nil {
		return withDetail(chain.MissingValues, intake.MissingValues)
	}
	block, err := s.personal.Add(information)
	if errors.Is(err, outcome.PersonalFull) {
		return withDetail(err, "Forge the block first: GET /mine")
	}
	if err != nil {
		return intake.JSONError(err)
	}
	w.out = append(w.out, `{"message":"information will be added to Block `...)
	w.out = append(strconv.AppendUint(w.out, block, 10), "\"}\n"...)
	s.sendJSON(c, http.StatusCreated, w.out)
	return nil
}

// minePersonal is GET and POST /mine on a follower, which produces blocks of no
// chain but its own.
func (s *followerServer) minePersonal(c *gin.Context) error {
	c.Writer.Header()[headerCache] = noStore
	if err := s.mayForge(""); err != nil { // no contract has that name
		return err
	}
	block, err := s.personal.Forge()
	if err != nil {
		return err
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendUint(append(w.out, '{'), "index2", block.Index)
	w.out = appendRaw(w.out, "information", block.Information)
	w.out = appendText(w.out, "message", "New Block Forged")
	w.out = appendText(w.out, "previous_hash", block.PreviousHash)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

// getPersonalChain is GET /chain2: {"chain2": [ … ], "length": N}.
func (s *followerServer) getPersonalChain(c *gin.Context) error {
	sp, err := querySpan(c, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	c.Writer.Header()[headerCache] = revalidate
	length := s.personal.Length()
	return s.sendBlocks(c, ofLength(`{"chain2": [`, length), sp, length, s.personal.Blocks)
}
