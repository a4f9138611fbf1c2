package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// network carries bytes between members as TCP does: in order, late, or not at all. What
// one writes arrives as one step. A link that is cut, in one direction or both, holds what
// is on its way until it is mended; a host without power answers nothing; a process that
// was killed leaves a kernel behind that closes its connections.
//
// All of it but conn belongs to the world's goroutine.
type network struct {
	world *world
	hosts []*host
	cut   map[[2]int]int           // how many faults cut it
	slow  map[[2]int]time.Duration // added to each delay
	conns []*conn
	dials []*dialling // that wait for a link or a host
	made  map[[2]int]int
}

// host is what a process listens on.
type host struct {
	name     string
	powered  bool
	listener *listener // for members; nil: nobody listens
	web      *listener // for HTTP; likewise
}

// process is one life of what runs on a host.
type process interface {
	over() bool
	String() string
}

func newNetwork(w *world, names ...string) *network {
	net := &network{world: w, cut: map[[2]int]int{}, slow: map[[2]int]time.Duration{}, made: map[[2]int]int{}}
	for _, name := range names {
		net.hosts = append(net.hosts, &host{name: name, powered: true})
	}
	return net
}

// memberName is what member i is called. Its host has the same number.
func memberName(i int) string { return fmt.Sprintf("n%d", i+1) }

// address is where host i listens for members, webAddress for HTTP.
func address(i int) string    { return fmt.Sprintf("10.0.0.%d:7000", i+1) }
func webAddress(i int) string { return fmt.Sprintf("10.0.0.%d:5000", i+1) }

// find is the host at an address, and whether HTTP is meant.
func (n *network) find(addr string) (to int, web, found bool) {
	for i := range n.hosts {
		switch addr {
		case address(i):
			return i, false, true
		case webAddress(i):
			return i, true, true
		}
	}
	return 0, false, false
}

// port is who listens.
func (h *host) port(web bool) *listener {
	if web {
		return h.web
	}
	return h.listener
}

// latency is how long a message is under way: most of them a fraction of a millisecond,
// some far longer.
func (n *network) latency(from, to int, who string, k uint64) func() time.Duration {
	return func() time.Duration {
		r := n.world.draw(who, k)
		d := 100*time.Microsecond + time.Duration(r.Int64N(int64(400*time.Microsecond)))
		if r.IntN(50) == 0 {
			d += time.Duration(r.Int64N(int64(20 * time.Millisecond)))
		}
		return d + n.slow[[2]int{from, to}]
	}
}

// dialling is a connection that somebody wants.
type dialling struct {
	from, to int
	web      bool
	life     process // of who dials
	ctx      context.Context

	mu     sync.Mutex
	over   bool
	result chan dialled
}

type dialled struct {
	conn *conn
	err  error
}

// dialer is how a host opens connections, in one of its lives.
func (n *network) dialer(from int, life process) func(ctx context.Context, network, addr string) (net.Conn, error) {
	var mu sync.Mutex
	count := map[int]uint64{}
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		to, web, found := n.find(addr)
		if !found {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
		}
		mu.Lock()
		count[to]++
		k := count[to]
		mu.Unlock()
		d := &dialling{from: from, to: to, web: web, life: life, ctx: ctx, result: make(chan dialled, 1)}
		who := fmt.Sprintf("dial %s>%s", life, n.hosts[to].name)
		n.world.post(step{kind: "connections", who: who, n: k, delay: n.latency(from, to, who, k), what: "syn", do: func() { n.connect(d) }})
		select {
		case r := <-d.result:
			if r.err != nil {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: r.err}
			}
			return r.conn, nil
		case <-ctx.Done():
			d.giveUp()
			return nil, ctx.Err()
		}
	}
}

// answer is for who dials, if it still waits.
func (d *dialling) answer(r dialled) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over {
		d.over = true
		d.result <- r
	} else if r.conn != nil {
		_ = r.conn.Close()
	}
}

// giveUp waits no more.
func (d *dialling) giveUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over { // it came in the same moment
		if r := <-d.result; r.conn != nil {
			_ = r.conn.Close()
		}
	}
	d.over = true
}

// connect is the arrival of a dialling.
func (n *network) connect(d *dialling) {
	h := n.hosts[d.to]
	switch {
	case d.ctx.Err() != nil || d.life.over():
		d.answer(dialled{err: syscall.ECONNABORTED})
	case n.cut[[2]int{d.from, d.to}]+n.cut[[2]int{d.to, d.from}] > 0 || !h.powered:
		n.dials = append(n.dials, d) // SYN again and again
	case h.port(d.web) == nil:
		d.answer(dialled{err: syscall.ECONNREFUSED})
	default:
		key := [2]int{d.from, d.to}
		n.made[key]++
		name := fmt.Sprintf("%s>%s#%d", n.hosts[d.from].name, h.name, n.made[key])
		ln := h.port(d.web)
		here := newConn(n, name, d.from, d.to, d.life)
		there := newConn(n, name+"'", d.to, d.from, ln.life)
		here.web, there.web = d.web, d.web
		here.peer, there.peer = there, here
		n.conns = append(n.conns, here, there)
		ln.arrive(there)
		d.answer(dialled{conn: here})
	}
}

// blocked tells whether nothing gets from one member to another.
func (n *network) blocked(from, to int) bool {
	return n.cut[[2]int{from, to}] > 0 || !n.hosts[to].powered || !n.hosts[from].powered
}

// mend looks again at all that waited for a link or a host.
func (n *network) mend() {
	waiting := n.dials
	n.dials = nil
	for i, d := range waiting {
		who := fmt.Sprintf("redial %s>%s", n.hosts[d.from].name, n.hosts[d.to].name)
		n.world.post(step{kind: "connections", who: who, n: uint64(i), delay: n.latency(d.from, d.to, who, uint64(i)), what: "syn", do: func() { n.connect(d) }})
	}
	kept := n.conns[:0]
	for _, c := range n.conns {
		for held := c.held; held > 0 && !n.blocked(c.from, c.to); held-- {
			c.held--
			// As TCP tries again: not at once.
			n.world.post(step{kind: "what was held", who: c.name, n: c.taken + uint64(c.held), delay: n.latency(c.from, c.to, c.name+" again", uint64(held)), what: "again", do: c.arrive})
		}
		if c.held > 0 || !c.finished() {
			kept = append(kept, c)
		}
	}
	clear(n.conns[len(kept):])
	n.conns = kept
}

// dropAll ends the connections of a process whose life is over. Where its kernel lives on
// the others hear of it.
func (n *network) dropAll(i int, l process, kernelLives bool) {
	for _, c := range n.conns {
		if c.life != l {
			continue
		}
		c.fail(net.ErrClosed)
		if kernelLives {
			c.mu.Lock()
			c.push(nil)
			c.mu.Unlock()
		}
	}
	n.hosts[i].listener, n.hosts[i].web = nil, nil
}

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
