package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
)

// Headers of answers, as net/http spells them.
const (
	headerType        = "Content-Type"
	headerVary        = "Vary"
	headerEncoding    = "Content-Encoding"
	headerDisposition = "Content-Disposition"
)

// Values of headers, shared by all answers and never changed.
var (
	typeJSON     = []string{"application/json"}
	typeNDJSON   = []string{"application/x-ndjson"}
	typeZstd     = []string{"application/zstd"}
	typeProblem  = []string{"application/problem+json"}
	typeText     = []string{"text/plain; charset=utf-8"}
	varyAccept   = []string{"Accept"}
	varyEncoding = []string{"Accept-Encoding"}
	encodingGzip = []string{"gzip"}
	replayed     = []string{"true"}
)

// sendJSON answers with a JSON text.
func (s *server) sendJSON(c *gin.Context, status int, body []byte) {
	c.Writer.Header()[headerType] = typeJSON
	s.send(c, status, body)
}

// send writes a whole answer. Where there is no memory for one of those that can
// be asked for again, its client is told so; of a write that took effect it must
// be told.
func (s *server) send(c *gin.Context, status int, body []byte) {
	if len(body) > smallAnswer {
		edge.VisitOf(c).Rest() // its client may be slow
		release, ok := s.answersFor(c).Try(len(body))
		switch {
		case ok:
			defer release()
		case c.Request.Method == http.MethodGet:
			s.fail(c, errNoMemory)
			return
		}
	}
	sendAll(c, status, body)
}

// sendAll writes an answer whose memory is counted. net/http finds the length of
// a short one by itself.
func sendAll(c *gin.Context, status int, body []byte) {
	if len(body) >= 2<<10 {
		c.Writer.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(body) // a client that has gone needs no answer
}

// errNoMemory is what a client is told for whose answer there is no memory.
var errNoMemory = fmt.Errorf("%w: large answers that others do not read fill the memory", problem.TooManyClients)

// sendValue answers with what encoding/json makes of v.
func (s *server) sendValue(c *gin.Context, status int, v any) error {
	text, err := encode(v)
	if err == nil {
		s.sendJSON(c, status, text)
	}
	return err
}

func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return text.Bytes(), err
}

// sendEither answers with what is the same for everybody and large, the files of the page
// and what a node says of its API: as it is, or in gzip to those who take it, where packed
// is not nil. Answers about the ledger are not packed: clients hash their bytes.
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

// decimal is an amount of tokens in JSON, to the last of its places.
type decimal struct {
	amount chain.Amount
	places int
}

// IsZero lets omitzero leave out an amount of nothing.
func (d decimal) IsZero() bool { return d.amount == 0 }

// MarshalJSON implements json.Marshaler.
func (d decimal) MarshalJSON() ([]byte, error) {
	return chain.AppendAmount(nil, d.amount, d.places), nil
}

// timestamp is a time in JSON: seconds since 1970 with all their places.
type timestamp chain.Micros

// MarshalJSON implements json.Marshaler.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return chain.AppendTimestamp(nil, chain.Micros(t)), nil
}

// appliedAt is the log index of an answer; a follower, which has no log, leaves
// it out.
type appliedAt struct {
	Index uint64 `json:"applied_index,omitempty"`
}

// answersFor is the memory for an answer.
func (s *server) answersFor(c *gin.Context) *admission.Memory {
	if edge.VisitOf(c).IsGuest() {
		return s.ofGuests
	}
	return s.answers
}

// enterShared takes a place for what goes on for long and does little meanwhile.
func enterShared(c *gin.Context, places admission.Shared) (leave func(), ok bool) {
	v := edge.VisitOf(c)
	if leave, ok = places.Enter(v.IsGuest()); ok && v.IsGuest() {
		v.Rest()
	}
	return leave, ok
}

func sharedPlaces(n int) admission.Shared { return admission.NewShared(n, max(1, n/guestPlaces)) }
