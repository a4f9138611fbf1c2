package sim

import (
	"bytes"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// listener hands out the connections of others.
type listener struct {
	life process
	addr net.Addr

	mu      sync.Mutex
	arrived *sync.Cond
	waiting []*conn
	closed  bool
}

func newListener(at string, l process) *listener {
	addr, _ := net.ResolveTCPAddr("tcp", at) // figures alone: nobody is asked
	ln := &listener{life: l, addr: addr}
	ln.arrived = sync.NewCond(&ln.mu)
	return ln
}

func (l *listener) arrive(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.refuse()
		return
	}
	l.waiting = append(l.waiting, c)
	l.arrived.Broadcast()
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.arrived.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	return c, nil
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	for _, c := range l.waiting {
		c.refuse()
	}
	l.waiting = nil
	l.arrived.Broadcast()
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.addr }

// conn is one end of a connection. mu guards all below it; held and taken are the
// world's.
type conn struct {
	net      *network
	name     string
	from, to int
	web      bool // HTTP
	life     process
	peer     *conn
	local    net.Addr
	remote   net.Addr

	held  int    // arrivals that wait for the link
	taken uint64 // arrivals that there were

	mu      sync.Mutex
	changed *sync.Cond
	sent    uint64
	flight  [][]byte // on the way from here; nil is the end
	in      []byte   // arrived
	ended   bool     // the other end sends no more
	err     error    // of this end
	closed  bool
	readBy  time.Time
	writeBy time.Time
	timer   *time.Timer // at readBy
	purpose byte        // what the one who dialled it wants, as its handshake says
}

func newConn(n *network, name string, from, to int, l process) *conn {
	local, _ := net.ResolveTCPAddr("tcp", address(from))
	remote, _ := net.ResolveTCPAddr("tcp", address(to))
	c := &conn{net: n, name: name, from: from, to: to, life: l, local: local, remote: remote}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return 0, c.err
		case !c.readBy.IsZero() && !time.Now().Before(c.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(c.in) > 0:
			n := copy(b, c.in)
			c.in = c.in[n:]
			return n, nil
		case c.ended:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// Write implements net.Conn. It never waits: the buffers of a kernel hold more than
// members send before they notice that nobody answers.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return 0, c.err
	case !c.writeBy.IsZero() && !time.Now().Before(c.writeBy):
		return 0, os.ErrDeadlineExceeded
	case len(b) > 0:
		c.push(append([]byte(nil), b...))
	}
	return len(b), nil
}

// push sends bytes, or nil for the end, under mu.
func (c *conn) push(b []byte) {
	c.flight = append(c.flight, b)
	c.sent++
	what := "end"
	if b != nil {
		what = strconv.Itoa(len(b))
	}
	c.net.world.post(step{kind: c.sort(b), who: c.name, n: c.sent, delay: c.net.latency(c.from, c.to, c.name, c.sent), what: what, do: c.arrive})
}

// arrive is a step: the next of what is under way gets to the other end.
func (c *conn) arrive() {
	if c.net.blocked(c.from, c.to) {
		c.held++
		return
	}
	c.taken++
	c.mu.Lock()
	if len(c.flight) == 0 {
		c.mu.Unlock()
		return
	}
	b := c.flight[0]
	c.flight = c.flight[1:]
	c.mu.Unlock()
	p := c.peer
	if p.life.over() { // its host, or the one that has taken its place, knows no such connection
		if b != nil {
			c.fail(syscall.ECONNRESET)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if b == nil {
		p.ended = true
	} else {
		p.in = append(p.in, b...)
	}
	p.changed.Broadcast()
}

// refuse ends a connection that nobody will accept.
func (c *conn) refuse() { c.peer.fail(syscall.ECONNRESET) }

// fail makes this end useless.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	c.changed.Broadcast()
}

// finished tells whether nothing will happen here any more.
func (c *conn) finished() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil && len(c.flight) == 0
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	if c.err == nil {
		c.push(nil)
	}
	c.mu.Unlock()
	c.fail(net.ErrClosed)
	return nil
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn. No write waits, so nobody has to be woken.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.writeBy = t
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.readBy = t
	switch {
	case t.IsZero():
		if c.timer != nil {
			c.timer.Stop()
		}
	case c.timer == nil:
		c.timer = time.AfterFunc(time.Until(t), c.wake)
	default:
		c.timer.Reset(time.Until(t))
	}
	c.changed.Broadcast()
	return nil
}

func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
}

// sort is what a message is, for who asks what a run consists of. It is called under mu.
func (c *conn) sort(b []byte) string {
	if c.web {
		return "messages of HTTP"
	}
	const handshake, forRaft = "BPSC", 'r'
	if bytes.HasPrefix(b, []byte(handshake)) {
		if len(b) > len(handshake)+1 && b[len(handshake)+1] >= 'a' { // not an answer's
			c.purpose, c.peer.purpose = b[len(handshake)+1], b[len(handshake)+1]
		}
		return "handshakes"
	}
	switch {
	case b == nil:
		return "ends of connections"
	case c.purpose == forRaft:
		return "messages of raft"
	}
	return "other messages of members"
}
