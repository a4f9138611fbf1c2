package cluster

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

// port is a member's listener and all its connections, of both directions. It
// gives raft its raft.StreamLayer and hands connections of the peer protocol to
// serve.
//
// It owns the accepting goroutine and one per handshake; close ends them and
// every connection, which ends whoever reads from one.
type port struct {
	self     self
	listener net.Listener
	log      *slog.Logger
	serve    serveFunc // runs in a goroutine of the port

	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	raft    chan net.Conn // accepted connections for raft
	running sync.WaitGroup
	// Accepting, and connections that are not raft's or served yet.
	greeting sync.WaitGroup

	mu     sync.Mutex
	conns  map[*portConn]struct{} // of both directions
	places places                 // of those that others opened
	closed bool
}

var errPortClosed = errors.New("port is closed")

// openPort listens. Go sets SO_REUSEADDR, so a restarted process gets its port
// back at once.
func openPort(cfg Config, p past, log *slog.Logger) (*port, error) {
	l := cfg.listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", cfg.Bind); err != nil {
			return nil, fmt.Errorf("cluster: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &port{
		self:     newSelf(cfg, p),
		listener: l,
		log:      log,
		ctx:      ctx,
		cancel:   cancel,
		raft:     make(chan net.Conn),
		conns:    map[*portConn]struct{}{},
		places:   places{},
	}, nil
}

// serveFunc serves a connection of the peer protocol. It calls known as soon as
// whoever stops it would find the connection.
type serveFunc func(from string, conn net.Conn, known func())

// start begins to accept connections.
func (p *port) start(serve serveFunc) {
	p.serve = serve
	p.greeting.Add(1)
	p.running.Go(p.accept)
}

func (p *port) accept() {
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
		stranger := &portConn{Conn: conn, port: p}
		if p.admit(stranger, place{}) {
			p.greeting.Add(1)
			p.running.Go(func() { p.welcome(stranger) })
		}
	}
}

// welcome finds out who is there and passes the connection on.
func (p *port) welcome(conn *portConn) {
	known := sync.OnceFunc(p.greeting.Done)
	defer known()
	from, why, err := p.self.receive(conn)
	switch {
	case err != nil:
		p.log.Debug("refused a connection", "remote", conn.RemoteAddr(), "error", err)
		_ = conn.Close()
	case !p.admit(conn, place{from, why}):
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

// dial connects to a member.
func (p *port) dial(ctx context.Context, to string, why purpose) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", p.self.peers[to])
	if err != nil {
		return nil, err
	}
	conn := &portConn{Conn: raw, port: p}
	if !p.track(conn) {
		return nil, errPortClosed
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := p.self.introduce(conn, to, why); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// track makes sure that close finds the connection; false means that it comes
// too late.
func (p *port) track(conn *portConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.Conn.Close()
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

// admit gives a connection that was accepted a place, or another one than it
// had. It may cost the connection that has been there longest its own.
func (p *port) admit(conn *portConn, at place) bool {
	if !p.track(conn) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if crowded := p.places.enter(conn, at); crowded != nil {
		crowded.Conn.Close() // whoever reads from it closes the rest
	}
	return true
}

// quiesce accepts no more connections, and waits until those that were accepted are
// served: whoever sends to one that is closed unserved does not know what became of
// it.
func (p *port) quiesce() {
	_ = p.listener.Close() // close says why it did not
	served := make(chan struct{})
	go func() { p.greeting.Wait(); close(served) }() // ends with close at the latest
	select {
	case <-served:
	case <-time.After(farewellTimeout):
	}
}

// close ends all connections and waits for the goroutines of the port.
func (p *port) close() error {
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
	clear(p.places)
	p.mu.Unlock()
	p.running.Wait()
	return err
}

// portConn is a connection that its port knows.
type portConn struct {
	net.Conn
	port *port
	at   place // guarded by the port's mutex
}

func (c *portConn) Close() error {
	c.port.mu.Lock()
	delete(c.port.conns, c)
	c.port.places.leave(c)
	c.port.mu.Unlock()
	return c.Conn.Close()
}

// raftStreams is the port as raft sees it. It implements raft.StreamLayer.
type raftStreams struct{ *port }

var _ raft.StreamLayer = raftStreams{}

// Accept implements net.Listener.
func (s raftStreams) Accept() (net.Conn, error) {
	select {
	case conn := <-s.raft:
		return conn, nil
	case <-s.ctx.Done():
		return nil, errPortClosed
	}
}

// Close implements net.Listener.
func (s raftStreams) Close() error { return s.close() }

// Addr implements net.Listener: the address that the other members use, which
// need not be the one to which the listener is bound.
func (s raftStreams) Addr() net.Addr { return peerAddr(s.self.peers[s.self.id]) }

// Dial implements raft.StreamLayer.
func (s raftStreams) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	for id, addr := range s.self.peers {
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
