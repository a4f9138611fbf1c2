package webserver

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a client's connection. It belongs to the goroutine that serves it,
// as any net.Conn does; Close may be called by anybody.
type conn struct {
	net.Conn
	step    int
	timeout time.Duration
	secure  bool // TLS goes over it
	log     *slog.Logger

	// The end of a spare connection in unix nanoseconds, 0 for others: soon while its
	// client has said nothing, so much later once it has, and later still once it is
	// known.
	until   atomic.Int64
	heard   bool // something of its client, spare or not
	respite time.Duration

	crowd *crowd // the one that it is in, whose lock guards what follows
	place
	release func() // gives its place back
	closing sync.Once
}

// place is what a crowd knows of a connection.
type place struct {
	prev, next *conn     // in the order of those that are silent; nil: it is not
	since      time.Time // when it fell silent
	network    netip.Prefix
	limited    bool // by how many there may be of its network; set before it is served
	counted    bool // among those of its network
	known      bool // its client has said who they are
	gone       bool // it is closed, or about to be
	requests   int
}

func (c *conn) spare() bool { return c.until.Load() != 0 }

func (c *conn) lastFor(d time.Duration) { c.until.Store(time.Now().Add(d).UnixNano()) }

// Write gives each step of p its time. It is the one place that does: below it
// there is only the kernel, so no answer goes without a deadline, whoever writes
// it and however it is put together.
func (c *conn) Write(p []byte) (n int, err error) {
	for step := range slices.Chunk(p, c.step) {
		if err := c.Conn.SetWriteDeadline(c.within(time.Now().Add(c.timeout))); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(step)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 || c.heard {
		return n, err
	}
	c.heard = true
	if c.spare() {
		c.lastFor(c.respite)
		err = errors.Join(err, c.SetReadDeadline(time.Time{}))
	}
	if other := c.begin(p[0]); other != nil {
		return 0, other
	}
	return n, err
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(c.within(t)) }

// within keeps a deadline within the time of a spare connection.
func (c *conn) within(t time.Time) time.Time {
	if until := c.until.Load(); until != 0 && (t.IsZero() || t.UnixNano() > until) {
		return time.Unix(0, until)
	}
	return t
}

// CloseWrite is what net/http calls to end an answer without losing it to a
// client that still sends.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() {
		c.crowd.leave(c)
		c.release()
	})
	return err
}
