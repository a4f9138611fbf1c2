package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// What is the same for everybody and large is sent in gzip to those who take it: the files
// of the page, and what a node says of its API. Answers about the ledger are not: clients
// hash their bytes.

const headerEncoding = "Content-Encoding"

// Values of headers, see answer.go.
var (
	varyEncoding = []string{"Accept-Encoding"}
	encodingGzip = []string{"gzip"}
)

// sendEither answers with a text as it is, or packed, which is nil where that is no use.
// Who calls it has said varyEncoding.
func (s *server) sendEither(c *gin.Context, plain []byte, packed func() []byte) {
	if acceptsGzip(c.Request.Header) {
		if zipped := packed(); zipped != nil {
			c.Writer.Header()[headerEncoding] = encodingGzip
			plain = zipped
		}
	}
	s.send(c, http.StatusOK, plain)
}

// acceptsGzip tells whether a client takes an answer in gzip: q=0 says that it does not.
func acceptsGzip(h http.Header) bool {
	for _, list := range h["Accept-Encoding"] {
		for coding := range strings.SplitSeq(list, ",") {
			name, weight, _ := strings.Cut(strings.ToLower(strings.Join(strings.Fields(coding), "")), ";")
			if name == "gzip" && (weight == "" || strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "") {
				return true
			}
		}
	}
	return false
}
