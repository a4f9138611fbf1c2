// Package httpcache is what caches are told of an answer: for how long it may be kept, and
// by which tag it is known. What never changes in a chain is kept for ever, under an address
// that names the chain; all else is asked for again, or not kept at all.
package httpcache

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Headers about how long an answer may be kept, as net/http spells them.
const (
	headerCache = "Cache-Control"
	headerTag   = "Etag"
)

// What caches are told, shared by all answers and never changed.
var (
	immutable  = []string{"public, max-age=31536000, immutable"} // it never changes
	revalidate = []string{"no-cache"}                            // keep it, and ask each time whether it still stands
	noStore    = []string{"no-store"}
)

// NoStore is for an answer that nobody keeps: it has no tag, whatever was about to be said.
func NoStore(answer http.Header) {
	answer[headerCache] = noStore
	delete(answer, headerTag)
}

// Revalidate is for an answer that may be kept, and is asked for again each time.
func Revalidate(answer http.Header) { answer[headerCache] = revalidate }

// Immutable is for what its address names for ever.
func Immutable(answer http.Header) { answer[headerCache] = immutable }

// NotModifiedEver is NotModified for an answer that never changes in this chain.
// Where the address names the chain, as against its contract only, caches may keep
// it for ever, so it cannot say how fresh it is; under any other address a ledger
// that was made anew has something else.
func NotModifiedEver(c *gin.Context, tag string) bool {
	if query.Text(c, "chain") == "" {
		return notModified(c, tag, revalidate)
	}
	header := c.Writer.Header()
	delete(header, protocol.AppliedIndex)
	delete(header, protocol.LastContact)
	return notModified(c, tag, immutable)
}

// NotModified tells whether the client has the answer with that tag already, and then has
// said so. Another may take the place of the answer: it may be kept, and is asked for again.
func NotModified(c *gin.Context, tag string) bool { return notModified(c, tag, revalidate) }

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
