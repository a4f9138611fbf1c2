package api

import (
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/api/stream"
	"github.com/bpsc/bpsc/chain"
)

// span is the part of a chain a request asks for. limit 0 is all.
type span struct{ from, limit uint64 }

func querySpan(c *gin.Context, byDefault, most uint64) (sp span, err error) {
	if sp.from, err = query.Uint(c, "from", 1, math.MaxInt64); err != nil {
		return sp, err
	}
	sp.limit, err = query.Uint(c, "limit", byDefault, most)
	return sp, err
}

// tag names the bytes of an answer: a part of a chain, in some form, up to the
// block with that hash, which commits to all blocks before it.
func (sp span) tag(hash chain.Hash, form string) string {
	buf := hash.AppendHex([]byte{'"'})
	buf = strconv.AppendUint(append(buf, '-'), sp.from, 10)
	buf = strconv.AppendUint(append(buf, '-'), sp.limit, 10)
	return string(append(append(append(buf, '-'), form...), '"'))
}

// sealed tells whether the client asked for a number of blocks, and a chain of
// that length has all of them: they are what they are for ever.
func (sp span) sealed(length uint64) bool { return sp.limit > 0 && sp.from+sp.limit-1 <= length }

// sealedTag is the tag of a sealed part of a chain.
func (s *server) sealedTag(info *chain.Info, sp span, form string) (string, error) {
	last := sp.from + sp.limit - 1
	if last == info.Length {
		return sp.tag(info.Tip, form), nil
	}
	_, hash, err := s.read.Block(info.Contract.Token, last)
	return sp.tag(hash, form), err
}

// blocksOf is a chain as it stands in info.
func (s *server) blocksOf(info *chain.Info) stream.Source {
	token := info.Contract.Token
	return func(from, limit uint64, yield func(uint64, []byte) error) error {
		return s.read.Blocks(token, from, limit, yield)
	}
}

// each yields the part of a chain of that length and no block beyond: an answer
// holds what its length and its tag say, though the chain grows meanwhile.
func (s *server) each(c *gin.Context, sp span, length uint64, blocks stream.Source, yield func(index uint64, canonical []byte) error) error {
	end := length + 1
	if sp.limit > 0 && sp.from < end {
		end = min(end, sp.from+min(sp.limit, length))
	}
	return stream.Blocks(c.Request.Context(), s.answersFor(c), s.ahead, blocks, sp.from, end, yield)
}

// frame is what stands around the blocks of a chain in an answer.
type frame struct {
	mediaType                       []string
	opening, between, after, ending string // after each block, between two
}

// ofLength is the tutorial's answer with the whole of a chain or a part of it.
func ofLength(opening string, length uint64) frame {
	return frame{mediaType: typeJSON, opening: opening, between: ", ", ending: `], "length": ` + strconv.FormatUint(length, 10) + "}\n"}
}

// sendBlocks streams a part of a chain of that length. It takes a place among the
// answers that may take long, and room for its chunk.
func (s *server) sendBlocks(c *gin.Context, f frame, sp span, length uint64, blocks stream.Source) error {
	c.Writer.Header()[headerType] = f.mediaType
	if headOnly(c) {
		return nil
	}
	leave, ok := enterShared(c, s.reading)
	if !ok {
		return problem.TooManyClients
	}
	defer leave()
	release, err := s.answersFor(c).Room(c.Request.Context(), admission.FirstPatience, stream.Chunk)
	if err != nil {
		return err
	}
	defer release()
	out := s.chunks.Get(c.Writer)
	defer s.chunks.Put(out)
	_, _ = out.WriteString(f.opening) // what goes wrong shows at the next write, too
	err = s.each(c, sp, length, blocks, func(index uint64, canonical []byte) error {
		if index > sp.from {
			_, _ = out.WriteString(f.between)
		}
		_, _ = out.Write(canonical)
		_, err := out.WriteString(f.after)
		return err
	})
	if err != nil {
		return err
	}
	_, _ = out.WriteString(f.ending)
	if !c.Writer.Written() {
		c.Writer.Header()["Content-Length"] = []string{strconv.Itoa(out.Buffered())}
	}
	return out.Flush()
}

// headOnly answers HEAD: what would be streamed is not read from the disk for
// nobody.
func headOnly(c *gin.Context) bool {
	if c.Request.Method != http.MethodHead {
		return false
	}
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return true
}
