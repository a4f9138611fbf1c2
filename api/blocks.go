package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// immutable is for what never changes once it exists.
const immutable = "public, max-age=31536000, immutable"

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
	canonical, hash, err := s.read.Block(contract.Token, index)
	if err != nil {
		return err
	}
	tag := `"` + hash.String() + `"`
	c.Header("ETag", tag)
	c.Header("Cache-Control", immutable)
	if matches(c.Request.Header.Values("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	s.sendJSON(c, http.StatusOK, canonical)
	return nil
}

// matches tells whether one of the tags of an If-None-Match is tag. Weak ones
// count, as RFC 9110 says.
func matches(lists []string, tag string) bool {
	for _, list := range lists {
		for candidate := range strings.SplitSeq(list, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}

// getBlocks is GET /v1/blocks?from&limit: {"items":[ … ],"next":N}, without
// next when there are no more.
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
	return s.sendPage(c, contract.Token, span{from, limit}, info.Length)
}

func (s *server) sendPage(c *gin.Context, token string, sp span, length uint64) error {
	w := s.pool.get()
	defer s.pool.put(w)
	st := s.stream(c, w)
	c.Writer.Header()[headerType] = typeJSON
	if err := st.writeString(`{"items":[`); err != nil {
		return err
	}
	next := sp.from
	err := s.read.Blocks(token, sp.from, sp.limit, func(index uint64, canonical []byte) error {
		if index > sp.from {
			if err := st.writeString(","); err != nil {
				return err
			}
		}
		next = index + 1
		return st.write(canonical)
	})
	if err != nil {
		return err
	}
	end := "]}\n"
	if next > sp.from && next <= length {
		end = `],"next":` + strconv.FormatUint(next, 10) + "}\n"
	}
	if err := st.writeString(end); err != nil {
		return err
	}
	return st.close()
}
