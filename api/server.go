package api

import (
	"crypto/rand"
	"net/http"

	"github.com/bpsc/bpsc/internal/webserver"
)

// NewServer returns a server for handler, which New or NewFollower made from the
// same configuration, with the limits of limits.go. A client that comes when all
// places are taken gets 503 and Retry-After; who watches over the node, at
// /livez, /readyz and /metrics, still gets an answer.
func NewServer(cfg Config, handler http.Handler) (*webserver.Server, error) {
	requests, err := newRequestIDs(rand.Reader)
	if err != nil {
		return nil, err
	}
	return webserver.New(webserver.Config{
		Connections:      cfg.Connections - spareConnections,
		KeptConnections:  cfg.eventReaders() + cfg.longReads(),
		SpareConnections: spareConnections,
		SpareTimeout:     spareTimeout,
		Vital:            vital,
		Refuse:           refuser{requests},
		HeaderTimeout:    headerTimeout,
		RequestTimeout:   requestTimeout,
		WriteTimeout:     cfg.ChunkTimeout,
		WriteStep:        chunk,
		IdleTimeout:      idleTimeout,
		Linger:           linger,
		HeaderBytes:      maxHeaderBytes,
		Logger:           cfg.Logger,
	}, handler)
}

func vital(r *http.Request) bool {
	switch r.URL.Path {
	case "/livez", "/readyz", "/metrics":
		return true
	}
	return false
}

// refuser answers those for whom there is no place.
type refuser struct{ requests requestIDs }

// ServeHTTP implements http.Handler.
func (f refuser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := newProblem(ErrTooManyClients)
	header := w.Header()
	p.request = f.requests.of(r.Header[headerRequestID])
	header[headerRequestID] = []string{p.request}
	header["Retry-After"] = []string{p.retryAfter}
	header[headerType] = typeProblem
	header[headerCache] = noStore
	w.WriteHeader(p.status)
	_, _ = w.Write(p.append(nil))
}

// enter takes a place for an answer that may take long.
func enter(places chan struct{}) (leave func(), ok bool) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, true
	default:
		return nil, false
	}
}
