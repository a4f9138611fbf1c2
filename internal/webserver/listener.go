package webserver

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"
)

// spareSilence is how long a client may take to begin with its request when there
// is no place for it. One that has waited in the kernel's queue has sent it long
// ago, and silent ones must not hold up whoever watches over the process.
const spareSilence = 100 * time.Millisecond

// listener gives each connection a place, or a spare one.
type listener struct {
	net.Listener
	cfg    *Config
	secure bool          // TLS goes over its connections
	places chan struct{} // one token for each connection
	spares chan struct{}
	crowd  *crowd

	mu     sync.Mutex
	closed chan struct{} // closed by Close
	queued []net.Conn    // that had come before, and are still to be served
}

// Listen is net.Listen for TCP alone: Multipath TCP, which Go prefers, cannot let
// the last clients in before it closes (takeQueued).
func Listen(addr string) (net.Listener, error) {
	var cfg net.ListenConfig
	cfg.SetMultipathTCP(false)
	return cfg.Listen(context.Background(), "tcp", addr)
}

func newListener(l net.Listener, cfg *Config, places chan struct{}, crowd *crowd) *listener {
	return &listener{Listener: l, cfg: cfg, places: places, crowd: crowd,
		spares: make(chan struct{}, cfg.SpareConnections), closed: make(chan struct{})}
}

// Accept waits for a place where there is none: whoever comes then waits in the
// kernel's queue, and is not turned away without a word. Clients of a network that has
// its share of the places, or that come too often, are.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if raw, err = l.left(err); err != nil {
				return nil, err
			}
		}
		if c := l.take(raw); c != nil {
			return l.seat(c)
		}
		_ = raw.Close()
	}
}

// take takes a connection on, or returns nil.
func (l *listener) take(raw net.Conn) *conn {
	c := &conn{Conn: raw, step: l.cfg.WriteStep, timeout: l.cfg.WriteTimeout, secure: l.secure, log: l.cfg.Logger, crowd: l.crowd}
	if l.cfg.Origin == nil {
		return c
	}
	origin := l.cfg.Origin(peerOf(raw))
	c.network, c.limited = origin.Network, origin.Limited
	if origin.Unwelcome || c.limited && !l.crowd.count(c, l.cfg.NetworkConnections) {
		return nil
	}
	return c
}

// seat finds a place for a connection, as soon as there is one.
func (l *listener) seat(c *conn) (net.Conn, error) {
	for {
		select {
		case l.places <- struct{}{}:
			return l.placed(c), nil
		default:
		}
		made, next := l.crowd.makeRoom(l.cfg.Silence)
		if made {
			continue
		}
		select {
		case l.spares <- struct{}{}:
			return l.spare(c), nil
		default:
		}
		ripe := time.NewTimer(next)
		select {
		case l.places <- struct{}{}:
			ripe.Stop()
			return l.placed(c), nil
		case l.spares <- struct{}{}:
			ripe.Stop()
			return l.spare(c), nil
		case <-ripe.C:
		case <-l.closed:
			ripe.Stop()
			l.crowd.leave(c)
			_ = c.Conn.Close()
			return nil, net.ErrClosed
		}
	}
}

func (l *listener) placed(c *conn) *conn {
	c.release = func() { <-l.places }
	l.crowd.join(c)
	return c
}

func (l *listener) spare(c *conn) *conn {
	c.release = func() { <-l.spares }
	c.lastFor(cmp.Or(l.cfg.spareSilence, spareSilence))
	c.respite = l.cfg.SpareTimeout
	return c
}

// left is one of the connections that had come before the listener was closed,
// then net.ErrClosed; on one that was not, it is err.
func (l *listener) left(err error) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
	default:
		return nil, err
	}
	if len(l.queued) == 0 {
		return nil, net.ErrClosed
	}
	conn := l.queued[0]
	l.queued = l.queued[1:]
	return conn, nil
}

// Close takes no more connections on. Accept still returns those that had come.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return nil
	default:
	}
	l.queued = takeQueued(l.Listener)
	close(l.closed)
	return l.Listener.Close()
}
