// Package api serves a node over HTTP: the tutorial's paths at the root and
// everything else under /v1. It refuses what can be refused without the ledger
// and answers reads from a [Reader]. Writes go to a [Writer] on a member of the
// cluster, to a [Relay] on a follower, which is a node outside of it.
//
// Here are the handlers, a file a noun, and what is around each request. What an idea needs
// without the server is in the packages below this one; DESIGN.md has a table of them.
package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/cors"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/events"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/page"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/api/stream"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
	"github.com/bpsc/bpsc/internal/webserver"
)

// Reader is the state that this node has: a member's replica, or the copy that a
// follower has verified.
type Reader interface {
	ContractReader
	BlockReader
	AccountReader
	HoldReader
	PastReader
	TransactionReader
	NodeReader
	// AppliedIndex is the log index that a member's replica stands at. Of a
	// follower's state, which knows no log, this package takes it to be 0.
	AppliedIndex() uint64
}

// server is what members and followers have in common: the reads, the streams,
// the problems. Everything in it is safe for concurrent use.
type server struct {
	cfg       Config
	role      role // the server around this one; set before it serves
	read      Reader
	evidence  Evidence
	guard     *access.Guard
	contracts contractCache
	forging   *admission.Rate[string]
	edge      *edge.Guard
	audit     *edge.Audit
	pool      workPool
	requests  edge.RequestIDs
	page      *page.Page

	queryNames query.Names // set while the routes are, never changed after
	shared     cors.Routes // of a member; a follower shares nothing
	reference  reference

	complain  admission.LogLimit
	answers   *admission.Memory // of all but guests
	ofGuests  *admission.Memory
	chunks    stream.Chunks
	events    *events.Sender
	forGuests *admission.Rate[struct{}] // pieces of events
	listening admission.Shared          // a place for each stream of events
	reading   admission.Shared          // a place for each long poll and each stream of a chain
	ahead     admission.Places          // of streams that read while they send
	bundling  admission.Places          // a place for each bundle of entries under way
	dumping   admission.Places          // one, for the stacks of goroutines
}

// role is what members and followers do each in their own way.
type role interface {
	// findContract returns nil once this node has of a token's contract what it can
	// have; an error is why there may be more in a moment.
	findContract(ctx context.Context, token string) error
	// lookElsewhere is what to do about an id that this replica has nothing about.
	// again: it may have come meanwhile. errAnswered: the client has its answer.
	lookElsewhere(c *gin.Context) (again bool, err error)
	// awaitNewest waits until this replica has all that was acknowledged anywhere,
	// on a follower for nothing.
	awaitNewest(c *gin.Context) error
	// newestOnly tells whether a read was to answer as of now, and could.
	newestOnly(c *gin.Context) bool
	// now is the chain's time in unix microseconds, where this node knows it.
	now() (at chain.Micros, ok bool)
	// kind is what this node is: member or follower.
	kind() string
	// peers are the origins of other nodes that have what this one has, from which a
	// page may read in its place, and whose pages may read here.
	peers() []string
	// whyNoContract says what a node lacks that has none yet, "" when it cannot.
	whyNoContract() string
}

func newServer(cfg Config, r Reader, e Evidence) (*server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	requests, err := edge.NewRequestIDs(cfg.Random)
	if err != nil {
		return nil, fmt.Errorf("api: no random bytes: %w", err)
	}
	guard := cfg.Guard
	if guard == nil {
		if guard, err = access.New(cfg.Config); err != nil {
			return nil, err
		}
	}
	files, err := page.New()
	if err != nil {
		return nil, err
	}
	return &server{
		cfg: cfg, page: files, read: r, events: events.NewSender(r, cfg.KeepAlive), evidence: e, guard: guard, requests: requests, pool: newWorkPool(),
		edge: cfg.Edge, audit: edge.NewAudit(cfg.Logger),
		answers: admission.NewMemory(maxAnswerBytes, maxReading, errNoMemory), ofGuests: admission.NewMemory(maxAnswerBytes/guestShare, maxReading/guestShare, errNoMemory),
		forging:   admission.NewRate[string](admission.Limit{Burst: mineBurst, Every: mineEvery}, maxForging),
		forGuests: admission.NewRate[struct{}](admission.Limit{Every: time.Second / guestChunks, Burst: guestChunks / 4}, 1),
		listening: sharedPlaces(cfg.eventReaders()), reading: sharedPlaces(cfg.longReads()), ahead: admission.NewPlaces(maxAhead), bundling: admission.NewPlaces(maxBundles), dumping: admission.NewPlaces(1),
	}, nil
}

// unescapeColons lets a colon in a path be escaped, which some clients do: a router that
// matches paths as they stand escaped knows :batch only as it is.
func unescapeColons(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawPath, "%3") {
			r.URL.RawPath = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(r.URL.RawPath)
		}
		h.ServeHTTP(w, r)
	})
}

// newEngine returns gin as a router and nothing more: no logging, no recovery,
// no redirects, and parameters as they stand escaped in the path, so that a
// name may hold a slash.
func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // or New prints to standard output
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.UseEscapedPath = true
	engine.UnescapePathValues = false // it would turn + into a space
	return engine
}

// NewServer returns a server for handler, which New or NewFollower made from the
// same configuration, with the limits of limits.go. A client that comes when all
// places are taken gets 503 and Retry-After; who watches over the node, at
// /livez, /readyz and /metrics, still gets an answer.
func NewServer(cfg Config, handler http.Handler) (*webserver.Server, error) {
	requests, err := edge.NewRequestIDs(cfg.Random)
	if err != nil {
		return nil, err
	}
	return webserver.New(webserver.Config{
		Connections:        cfg.Connections - spareConnections,
		KeptConnections:    cfg.eventReaders() + cfg.longReads(),
		SpareConnections:   spareConnections,
		SpareTimeout:       spareTimeout,
		Silence:            silence,
		Origin:             cfg.Edge.Origin,
		NetworkConnections: max(minNetwork, cfg.Connections/networkShare),
		ConnectionRequests: connectionRequests,
		Vital:              func(r *http.Request) bool { return vital(r) || r.Header["Authorization"] != nil },
		Refuse:             refuser{requests, cfg.Problem},
		HeaderTimeout:      headerTimeout,
		RequestTimeout:     requestTimeout,
		WriteTimeout:       cfg.ChunkTimeout,
		WriteStep:          stream.Chunk,
		IdleTimeout:        idleTimeout,
		Linger:             linger,
		HeaderBytes:        maxHeaderBytes,
		Logger:             cfg.Logger,
	}, handler)
}

func vital(r *http.Request) bool { return probe(r) || r.URL.Path == "/metrics" }

// probe tells whether somebody asks only how this node is, which costs next to nothing.
func probe(r *http.Request) bool { return r.URL.Path == "/livez" || r.URL.Path == "/readyz" }

// refuser answers those for whom there is no place.
type refuser struct {
	requests edge.RequestIDs
	problem  func(code string) // nil: nobody counts
}

// ServeHTTP implements http.Handler.
func (f refuser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := problem.New(problem.TooManyClients)
	header := w.Header()
	edge.Harden(header, r)
	p.RequestID = f.requests.Of(r.Header[protocol.RequestID])
	header[protocol.RequestID] = []string{p.RequestID}
	header["Retry-After"] = problem.RetryAfter(problem.TooManyClients)
	header[headerType] = typeProblem
	httpcache.NoStore(header)
	if f.problem != nil {
		f.problem(p.Code)
	}
	w.WriteHeader(p.Status)
	text, _ := encode(&p)
	_, _ = w.Write(text)
}
