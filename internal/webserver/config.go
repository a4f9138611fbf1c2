package webserver

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Config is what a Server is told. All of it is needed.
type Config struct {
	// Connections is how many clients may be connected. SpareConnections is how
	// many more are taken on to be told so; the listener holds up the others.
	Connections, SpareConnections int

	// KeptConnections is from how many on none is kept for a next request: clients
	// that have nothing to ask must not keep out those that do. Who is answered is
	// told so, and loses nothing.
	KeptConnections int

	// Silence is how long a connection has had no request under way before it makes
	// room for another one, where there is no place left. A client that comes has sent
	// its request by then, from however far away.
	Silence time.Duration

	// Origin tells what is to be known of an address; nil: nobody is limited. Of a
	// limited network there are at most NetworkConnections, each for
	// ConnectionRequests. Neither is for clients who are Known.
	Origin             func(netip.Addr) Origin
	NetworkConnections int
	ConnectionRequests int

	// SpareTimeout is how long one of the spare connections lasts once its client
	// has begun with a request.
	SpareTimeout time.Duration
	spareSilence time.Duration // 0: the constant; tests wait longer for a processor

	// Vital tells which requests go to the handler on a spare connection: those of
	// whoever watches over the process, or may be known, who must not be shut out by
	// clients; the handler refuses who is not (OnSpare). Refuse answers the others.
	Vital  func(*http.Request) bool
	Refuse http.Handler

	// HeaderTimeout is for the header of a request, RequestTimeout for all of
	// it, from its first byte on. A handler that knows the body to be larger
	// gives it more, as it arrives.
	HeaderTimeout, RequestTimeout time.Duration

	// WriteTimeout is how long a client may take for each WriteStep bytes of an
	// answer, however large the whole is.
	WriteTimeout time.Duration
	WriteStep    int

	// IdleTimeout is how long a connection is kept between two requests.
	IdleTimeout time.Duration

	// Linger is how long those are still answered that are connected when the
	// server shuts down. Each answer ends its connection, so that those
	// left are idle: net/http drops a request that it reads while it shuts down,
	// and its client cannot tell what became of it.
	Linger time.Duration

	// HeaderBytes bounds the header of a request.
	HeaderBytes int

	Logger *slog.Logger
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Connections <= 0 || c.KeptConnections <= 0 || c.SpareConnections <= 0 || c.WriteStep <= 0 || c.HeaderBytes <= 0:
		return errors.New("webserver: every bound must be more than nothing")
	case c.Origin != nil && (c.NetworkConnections <= 0 || c.ConnectionRequests <= 0):
		return errors.New("webserver: a network may have some connections, and those some requests")
	case c.Silence <= 0 || c.SpareTimeout <= 0 || c.HeaderTimeout <= 0 || c.RequestTimeout <= 0 || c.WriteTimeout <= 0 || c.IdleTimeout <= 0:
		return errors.New("webserver: every timeout must be more than nothing")
	case c.Vital == nil || c.Refuse == nil || c.Logger == nil:
		return errors.New("webserver: Vital, Refuse and a logger are needed")
	}
	return nil
}
