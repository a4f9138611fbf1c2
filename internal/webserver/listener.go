package webserver

import (
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

func newListener(l net.Listener, cfg *Config, places chan struct{}) *listener {
	return &listener{Listener: l, cfg: cfg, places: places,
		spares: make(chan struct{}, cfg.SpareConnections), closed: make(chan struct{})}
}

// Accept waits for a place where there is none: whoever comes then waits in the
// kernel's queue, and is not turned away without a word.
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		if raw, err = l.left(err); err != nil {
			return nil, err
		}
	}
	c := &conn{Conn: raw, step: l.cfg.WriteStep, timeout: l.cfg.WriteTimeout, secure: l.secure, log: l.cfg.Logger}
	select {
	case l.places <- struct{}{}:
		return l.placed(c), nil
	default:
	}
	select {
	case l.spares <- struct{}{}:
		return l.spare(c), nil
	default:
	}
	select {
	case l.places <- struct{}{}:
		return l.placed(c), nil
	case l.spares <- struct{}{}:
		return l.spare(c), nil
	case <-l.closed:
		_ = raw.Close()
		return nil, net.ErrClosed
	}
}

func (l *listener) placed(c *conn) *conn {
	c.release = func() { <-l.places }
	return c
}

func (l *listener) spare(c *conn) *conn {
	c.release = func() { <-l.spares }
	c.until, c.respite = time.Now().Add(spareSilence), l.cfg.SpareTimeout
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
