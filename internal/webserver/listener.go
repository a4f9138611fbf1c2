package webserver

import (
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
	places chan struct{} // one token for each connection
	spares chan struct{}

	closing sync.Once
	closed  chan struct{}
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
		return nil, err
	}
	c := &conn{Conn: raw, step: l.cfg.WriteStep, timeout: l.cfg.WriteTimeout}
	select {
	case l.places <- struct{}{}:
		c.release = func() { <-l.places }
		return c, nil
	default:
	}
	select {
	case l.places <- struct{}{}:
		c.release = func() { <-l.places }
	case l.spares <- struct{}{}:
		c.release = func() { <-l.spares }
		c.until, c.respite = time.Now().Add(spareSilence), l.cfg.SpareTimeout
	case <-l.closed:
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
