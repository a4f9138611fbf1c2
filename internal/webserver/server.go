// Package webserver is net/http's server with bounds that hold whatever clients
// do: how many there are, how long each part of a request and of an answer may
// take, and how long it takes to stop. What a request is, and how much memory it
// may use, is for the handler to say.
package webserver

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// endTimeout is how long handlers may go on after their connections have been
// closed and their contexts ended.
const endTimeout = time.Second

// Server serves one handler on one listener. Its methods are safe for concurrent
// use. It owns the goroutines of its connections.
type Server struct {
	cfg     Config
	handler http.Handler
	http    http.Server
	places  chan struct{} // one token for each connection that is not a spare one
	crowd   *crowd

	draining, ending context.Context // see UntilDraining and ServeHTTP
	drain, end       context.CancelFunc

	mu       sync.Mutex
	listener net.Listener // nil until Serve

	// Nobody is taken on any more. Only then does an answer end its connection: one
	// ended before would be made anew, and a connection that waits to be accepted
	// when the listener closes is reset, so that its client cannot tell what became
	// of its request.
	hungUp atomic.Bool

	serving chan struct{}  // closed when Serve has returned, or will never be called
	running sync.WaitGroup // connections, and so handlers; and requests of Handler
}

// New returns a server; Serve starts it.
func New(cfg Config, handler http.Handler) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, handler: handler, places: make(chan struct{}, cfg.Connections), crowd: newCrowd(), serving: make(chan struct{})}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.ending, s.end = context.WithCancel(context.WithValue(context.Background(), drainingKey{}, s.draining))
	s.http = http.Server{
		Handler:           s,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		ReadTimeout:       cfg.RequestTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.HeaderBytes,
		// The handler answers every request, OPTIONS * as well.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(netHTTPLog{cfg.Logger}, "", 0),
		ConnState:                    s.count,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, raw(c))
		},
	}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	return s, nil
}

func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.running.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.running.Done()
	}
}

// Serve takes clients on until Shutdown, and then returns nil. It is called once.
func (s *Server) Serve(l net.Listener) error {
	return s.serve(l, func(own *listener) net.Listener { return own })
}

// serve serves what is spoken over the connections of a listener.
func (s *Server) serve(l net.Listener, over func(*listener) net.Listener) error {
	s.mu.Lock()
	if s.hungUp.Load() {
		s.mu.Unlock()
		return l.Close()
	}
	defer close(s.serving)
	own := newListener(l, &s.cfg, s.places, s.crowd)
	s.listener = own
	spoken := over(own)
	s.mu.Unlock()
	err := s.http.Serve(spoken)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) && s.draining.Err() != nil {
		return nil
	}
	return err
}

// hangUp takes no more clients on.
func (s *Server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.listener != nil:
		_ = s.listener.Close() // those that are connected are all that counts now
	case !s.hungUp.Load():
		close(s.serving) // nobody is served here, or ever will be
	}
	s.hungUp.Store(true)
}

// Handler serves the same in a server of somebody else, who bounds what clients do.
// Shutdown waits for its requests, and those that come later are refused.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			s.cfg.Refuse.ServeHTTP(w, r)
			return
		}
		defer s.running.Done()
		s.ServeHTTP(w, r)
	})
}

// enter counts a request of Handler among what Shutdown waits for.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hungUp.Load() {
		return false
	}
	s.running.Add(1)
	return true
}

// Close ends everything at once: listening, connections, what requests wait for.
func (s *Server) Close() {
	s.drain()
	s.hangUp()
	_ = s.http.Close()
	s.end()
}

// ServeHTTP gives a request a context that ends with the server, and not when the
// client has nothing more to say: one that closes its side of the connection after
// the request still waits for the answer (RFC 9112, 9.6), and work under way is
// not to be given up, least of all a write. Whoever waits for something has a
// time-out of its own; Gone tells that the client may not listen any more.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		if !s.crowd.begin(c) {
			panic(http.ErrAbortHandler)
		}
		defer s.crowd.end(c)
		if s.lastOf(c) {
			w.Header().Set("Connection", "close")
		}
		if c.spare() && !s.cfg.Vital(r) {
			s.cfg.Refuse.ServeHTTP(w, r)
			return
		}
	}
	ctx := context.WithValue(s.ending, goneKey{}, r.Context())
	s.handler.ServeHTTP(w, r.WithContext(ctx))
}

// lastOf tells whether a connection has had its last request: see KeptConnections,
// ConnectionRequests and Linger.
func (s *Server) lastOf(c *conn) bool {
	return c.spare() || s.hungUp.Load() ||
		!c.known && (len(s.places) > s.cfg.KeptConnections || c.limited && c.requests >= s.cfg.ConnectionRequests)
}

// Drain ends what waits for things to happen (UntilDraining). All else goes on.
func (s *Server) Drain() { s.drain() }

// Shutdown takes no more clients on and lets open requests end. Those that have
// not when ctx ends are cut off. It returns when no handler runs any more, and
// within a second after ctx in any case; the error is ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drain()
	s.hangUp()
	select {
	case <-time.After(s.cfg.Linger):
	case <-ctx.Done():
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // of the connections whose clients are too slow
	}
	s.end()
	ended := make(chan struct{})
	go func() {
		<-s.serving
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(endTimeout):
		s.cfg.Logger.Warn("requests are still worked on")
	}
	return err
}
