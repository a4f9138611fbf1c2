// Package port is the one listener of a member: every connection, raft's and those
// of the peer protocol, begins with a handshake in which both sides check that they
// are members of one cluster and hold one history.
package port

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// How long a handshake may take.
	handshakeTimeout = 2 * time.Second

	// How long Quiesce waits for accepted connections to be served.
	quiesceTimeout = 500 * time.Millisecond
)

// Self is the member whose port it is.
type Self struct {
	ID      string
	Cluster string            // what tells its cluster from others
	Peers   map[string]string // all members, ids to addresses as the others reach them
}

// Port is a member's listener and all its connections, of both directions. It
// gives raft its raft.StreamLayer and hands connections of the peer protocol to
// a function that serves them.
//
// It owns the accepting goroutine and one for each connection that it accepted,
// until that is raft's or served; Close ends them and every connection, which ends
// whoever reads from one. mu guards conns, slots and closed, and the slot of each
// connection; no goroutine waits while it holds it. All else is set before Start.
type Port struct {
	self     Self
	judge    Judge
	listener net.Listener
	log      *slog.Logger
	serve    Serve

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	raft    chan net.Conn  // accepted connections for raft
	running sync.WaitGroup // accepting, and the accepted connections
	// Accepting, and connections that are not raft's or served yet.
	greeting sync.WaitGroup

	mu     sync.Mutex
	conns  map[*portConn]struct{} // of both directions
	slots  slots                  // of those that others opened
	closed bool
}

var errPortClosed = errors.New("port is closed")

// New returns a port that listens. Nothing is accepted before Start.
func New(l net.Listener, self Self, judge Judge, log *slog.Logger) *Port {
	ctx, cancel := context.WithCancel(context.Background())
	return &Port{
		self:     self,
		judge:    judge,
		listener: l,
		log:      log,
		ctx:      ctx,
		cancel:   cancel,
		raft:     make(chan net.Conn),
		conns:    map[*portConn]struct{}{},
		slots:    slots{},
	}
}

// Serve serves a connection of the peer protocol. It calls known as soon as
// whoever stops it would find the connection.
type Serve func(from string, conn net.Conn, known func())

// Start begins to accept connections; serve runs in a goroutine of the port.
func (p *Port) Start(serve Serve) {
	p.serve = serve
	p.greeting.Add(1)
	p.running.Go(p.accept)
}

func (p *Port) accept() {
	defer p.greeting.Done()
	for p.ctx.Err() == nil {
		conn, err := p.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Out of file descriptors, perhaps: look again a little later.
			select {
			case <-time.After(10 * time.Millisecond):
			case <-p.ctx.Done():
			}
			continue
		}
		unknown := &portConn{Conn: conn, port: p}
		if p.admit(unknown, slot{}) {
			p.greeting.Add(1)
			p.running.Go(func() { p.welcome(unknown) })
		}
	}
}

// welcome finds out who is there and passes the connection on.
func (p *Port) welcome(conn *portConn) {
	known := sync.OnceFunc(p.greeting.Done)
	defer known()
	from, why, err := p.receive(conn)
	switch {
	case err != nil:
		p.log.Debug("refused a connection", "remote", conn.RemoteAddr(), "error", err)
		_ = conn.Close()
	case !p.admit(conn, slot{from, why}):
	case why == forRaft:
		known()
		select {
		case p.raft <- conn:
		case <-p.ctx.Done():
		}
	default:
		p.serve(from, conn, known)
		_ = conn.Close()
	}
}

// Dial opens a connection of the peer protocol to a member.
func (p *Port) Dial(ctx context.Context, to string) (net.Conn, error) {
	return p.dial(ctx, to, forPeers)
}

func (p *Port) dial(ctx context.Context, to string, why purpose) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", p.self.Peers[to])
	if err != nil {
		return nil, err
	}
	conn := &portConn{Conn: raw, port: p}
	if !p.track(conn) {
		return nil, errPortClosed
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := p.introduce(conn, to, why); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// track makes sure that Close finds the connection; false means that it comes
// too late.
func (p *Port) track(conn *portConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.Conn.Close()
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

// admit gives a connection that was accepted a slot, or another one than it had.
// It may cost the connection that has been there longest its own.
func (p *Port) admit(conn *portConn, at slot) bool {
	if !p.track(conn) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if crowded := p.slots.enter(conn, at); crowded != nil {
		crowded.Conn.Close() // whoever reads from it closes the rest
	}
	return true
}

// Quiesce accepts no more connections, and waits until those that were accepted are
// served: whoever sends to one that is closed unserved does not know what became of
// it.
func (p *Port) Quiesce() {
	_ = p.listener.Close() // Close says why it did not
	served := make(chan struct{})
	go func() { p.greeting.Wait(); close(served) }() // ends with Close at the latest
	select {
	case <-served:
	case <-time.After(quiesceTimeout):
	}
}

// Close ends all connections and waits for the goroutines of the port.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.cancel()
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	for conn := range p.conns {
		conn.Conn.Close()
	}
	clear(p.conns)
	clear(p.slots)
	p.mu.Unlock()
	p.running.Wait()
	return err
}

// portConn is a connection that its port knows.
type portConn struct {
	net.Conn
	port *Port
	at   slot // guarded by the port's mutex
}

func (c *portConn) Close() error {
	c.port.mu.Lock()
	delete(c.port.conns, c)
	c.port.slots.leave(c)
	c.port.mu.Unlock()
	return c.Conn.Close()
}

// Raft is the port as raft sees it.
func (p *Port) Raft() raft.StreamLayer { return raftStreams{p} }

type raftStreams struct{ *Port }

// Accept implements net.Listener.
func (s raftStreams) Accept() (net.Conn, error) {
	select {
	case conn := <-s.raft:
		return conn, nil
	case <-s.ctx.Done():
		return nil, errPortClosed
	}
}

// Addr implements net.Listener: the address that the other members use, which
// need not be the one to which the listener is bound.
func (s raftStreams) Addr() net.Addr { return peerAddr(s.self.Peers[s.self.ID]) }

// Dial implements raft.StreamLayer.
func (s raftStreams) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	for id, addr := range s.self.Peers {
		if addr == string(address) {
			ctx, cancel := context.WithTimeout(s.ctx, timeout)
			defer cancel()
			return s.dial(ctx, id, forRaft)
		}
	}
	return nil, fmt.Errorf("cluster: no member has the address %s", address)
}

type peerAddr string

func (peerAddr) Network() string  { return "tcp" }
func (a peerAddr) String() string { return string(a) }
