package witness

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/webserver"
)

// addPath is where checkpoints are sent, below a witness's address, handoverPath
// where handovers are; livePath is for who watches over the process.
const (
	addPath      = "/add-checkpoint"
	handoverPath = "/add-handover"
	livePath     = "/livez"
)

// sizeType is the Content-Type of an answer that tells a size.
const sizeType = "text/x.tlog.size"

// Handler serves POST /add-checkpoint and /add-handover, GET /<hash>/checkpoint for monitors,
// and GET /livez for who watches over the process.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+addPath, w.serveAdd)
	mux.HandleFunc("POST "+handoverPath, w.serveHandover)
	mux.HandleFunc("GET "+checkpointPath, w.serveCheckpoint)
	mux.HandleFunc("GET "+livePath, w.serveLive)
	return mux
}

// NewServer returns a server for handler with the limits of limits.go, and for so
// many connections as the process may have; origin tells what is to be known of an
// address, nil that nobody is limited. A client that comes when all places
// are taken gets 503 and Retry-After.
func NewServer(handler http.Handler, connections int, origin func(netip.Addr) webserver.Origin, log *slog.Logger) (*webserver.Server, error) {
	places := min(connections, maxConnections) - spareConnections
	return webserver.New(webserver.Config{
		Connections:        places,
		KeptConnections:    (places + 1) / 2,
		SpareConnections:   spareConnections,
		SpareTimeout:       spareTimeout,
		Silence:            silence,
		Origin:             origin,
		NetworkConnections: max(minNetwork, places/networkShare),
		ConnectionRequests: connectionRequests,
		Vital:              func(r *http.Request) bool { return r.URL.Path == livePath },
		Refuse:             http.HandlerFunc(turnAway),
		HeaderTimeout:      headerTimeout,
		RequestTimeout:     requestTimeout,
		WriteTimeout:       writeTimeout,
		WriteStep:          maxAnswerBytes,
		IdleTimeout:        idleTimeout,
		HeaderBytes:        maxHeaderBytes,
		Logger:             log,
	}, handler)
}

func turnAway(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Retry-After", "1")
	http.Error(rw, "this witness serves as many clients as it can", http.StatusServiceUnavailable)
}

func (w *Witness) serveAdd(rw http.ResponseWriter, r *http.Request) {
	reply(rw, r, maxRequestBytes, w.cosign)
}

func (w *Witness) serveHandover(rw http.ResponseWriter, r *http.Request) {
	reply(rw, r, proof.MaxHandoverBytes, w.takeOver)
}

// reply answers a request with a line, or with a *refusal.
func reply(rw http.ResponseWriter, r *http.Request, limit int, handle func(body []byte) (string, error)) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, int64(limit)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(rw, fmt.Sprintf("a request has at most %d bytes", limit), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(rw, "the request did not arrive whole", http.StatusBadRequest)
		return
	}
	line, err := handle(body)
	answer(rw, line+"\n", err)
}

// answer sends a text, or what a *refusal says.
func answer(rw http.ResponseWriter, text string, err error) {
	var refused *refusal
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write([]byte(text))
	case !errors.As(err, &refused):
		http.Error(rw, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	case refused.status == http.StatusConflict:
		rw.Header().Set("Content-Type", sizeType)
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintln(rw, refused.size)
	default:
		http.Error(rw, refused.reason, refused.status)
	}
}

func (w *Witness) serveLive(rw http.ResponseWriter, _ *http.Request) {
	if err := w.Ready(); err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(rw, "ok")
}
