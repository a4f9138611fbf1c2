// Package admin is the listener of whoever runs the process: figures, profiles and
// health, apart from the clients' listener, so that it answers when that is full, and
// needs no token. It belongs on a loopback address: profiles tell what is in memory.
package admin

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/bpsc/bpsc/internal/webserver"
)

// The bounds of the listener. Who uses it is few: a server that scrapes, one that
// watches health, somebody who takes a profile.
const (
	Connections      = 16 // files that it takes at most, with the spare one
	spareConnections = 1
	silence          = time.Second // until a connection without a request makes room
	headerBytes      = 8 << 10
	headerTimeout    = 5 * time.Second
	idleTimeout      = 2 * time.Minute // more than the usual minute between two scrapes
	writeTimeout     = 10 * time.Second
	writeStep        = 64 << 10
	// maxProfile bounds how long a profile or a trace may take, in seconds, since each
	// costs the process some of its speed.
	maxProfile = 60
)

// Config is what is shown.
type Config struct {
	Metrics http.Handler // GET /metrics
	Ready   func() error // why the node is not, of GET /readyz
	Logger  *slog.Logger
}

// NewServer returns a server of what cfg says; Serve starts it.
func NewServer(cfg Config) (*webserver.Server, error) {
	return webserver.New(webserver.Config{
		Connections: Connections - spareConnections, KeptConnections: Connections - spareConnections, SpareConnections: spareConnections,
		SpareTimeout: time.Second, Silence: silence, HeaderTimeout: headerTimeout, RequestTimeout: headerTimeout,
		WriteTimeout: writeTimeout, WriteStep: writeStep, IdleTimeout: idleTimeout, HeaderBytes: headerBytes,
		Vital:  func(*http.Request) bool { return false },
		Refuse: http.HandlerFunc(turnAway), Logger: cfg.Logger,
	}, Handler(cfg))
}

func turnAway(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "this listener serves as many as it can", http.StatusServiceUnavailable)
}

// Handler serves /metrics, /livez, /readyz and /debug/pprof.
func Handler(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", cfg.Metrics)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := cfg.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	// Not /debug/pprof/cmdline: how the process was started may be nobody's business.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	return guarded(mux)
}

// guarded refuses what a page in a browser on this machine could have sent: a DNS name
// that was pointed here, and what another site asks for; and profiles that take long.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		switch {
		case !ownName(r.Host):
			http.Error(w, "this listener goes by its address alone", http.StatusMisdirectedRequest)
		case r.Header.Get("Origin") != "", strings.HasSuffix(r.Header.Get("Sec-Fetch-Site"), "-site"):
			http.Error(w, "a page of another site sent this", http.StatusForbidden)
		case strings.HasPrefix(r.URL.Path, "/debug/") && tooLong(r.URL.Query().Get("seconds")):
			http.Error(w, fmt.Sprintf("seconds is a number from 1 to %d", maxProfile), http.StatusBadRequest)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// ownName tells whether nobody can point that host here from outside.
func ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	return err == nil || host == "" || host == "localhost"
}

func tooLong(seconds string) bool {
	if seconds == "" {
		return false
	}
	n, err := strconv.ParseUint(seconds, 10, 16)
	return err != nil || n < 1 || n > maxProfile
}
