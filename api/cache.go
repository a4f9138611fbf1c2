package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Headers about how long an answer may be kept, as net/http spells them.
const (
	headerCache = "Cache-Control"
	headerTag   = "Etag"
	headerVary  = "Vary"
)

// What caches are told, shared by all answers and never changed.
var (
	immutable  = []string{"public, max-age=31536000, immutable"} // it never changes
	revalidate = []string{"no-cache"}                            // keep it, and ask each time whether it still stands
	noStore    = []string{"no-store"}
	varyAccept = []string{"Accept"}
)

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

// notModifiedEver is notModified for an answer that never changes in this chain.
// Where the address names the chain, as against its contract only, caches may keep
// it for ever, so it cannot say how fresh it is; under any other address a ledger
// that was made anew has something else.
func notModifiedEver(c *gin.Context, tag string) bool {
	if query.Text(c, "chain") == "" {
		return notModified(c, tag, revalidate)
	}
	header := c.Writer.Header()
	delete(header, protocol.AppliedIndex)
	delete(header, protocol.LastContact)
	return notModified(c, tag, immutable)
}

// notModified tells whether the client has the answer with that tag already, and
// then has said so.
func notModified(c *gin.Context, tag string, rule []string) bool {
	header := c.Writer.Header()
	header[headerTag] = []string{tag}
	header[headerCache] = rule
	if !matches(c.Request.Header["If-None-Match"], tag) {
		return false
	}
	c.Status(http.StatusNotModified)
	return true
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
