package webserver

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
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

	// The end of a spare connection, zero for others: soon while its client has
	// said nothing, and so much later once it has.
	until   time.Time
	heard   bool // something of its client, spare or not
	respite time.Duration

	release func() // gives its place back
	closing sync.Once
}

func (c *conn) spare() bool { return !c.until.IsZero() }

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
		c.until = time.Now().Add(c.respite)
		err = errors.Join(err, c.Conn.SetReadDeadline(c.until))
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
	if c.spare() && (t.IsZero() || t.After(c.until)) {
		return c.until
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
	c.closing.Do(c.release)
	return err
}
