// Package port is the one listener of a member: every connection, raft's and those
// of the peer protocol, begins with a handshake in which both sides check that they
// are members of one cluster and hold one history.
package port

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"
)

const (
	// How long a handshake may take.
	handshakeTimeout = 2 * time.Second

	// How long Quiesce waits for accepted connections to be served.
	quiesceTimeout = 500 * time.Millisecond
)

// Self is the member whose port it is.
type Self struct {
	Name    string // its identity
	Cluster string // what tells its cluster from others; empty while it has none
	Security
	// Dialer is used instead of the operating system's where it is set; tests set it.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Port is a member's listener and all its connections, of both directions. It
// gives raft its raft.StreamLayer and hands connections of the peer protocol to
// a function that serves them.
//
// It owns the accepting goroutine, the one that judges certificates again, and one for each
// connection that it accepted, until that is raft's or served; Close ends them and every connection, which ends
// whoever reads from one. mu guards cluster, members, conns, slots and closed, and the
// slot of each connection; no goroutine waits while it holds it. serve is set before
// welcoming is closed, all else before Start.
type Port struct {
	name     string
	security Security
	judge    Judge
	listener net.Listener
	log      *slog.Logger
	serve    Serve
	dialer   func(ctx context.Context, network, addr string) (net.Conn, error)

	welcoming chan struct{} // closed once members are welcome

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	raft    chan net.Conn  // accepted connections for raft
	running sync.WaitGroup // accepting, and the accepted connections
	// Accepting, and connections that are not raft's or served yet.
	greeting sync.WaitGroup

	mu      sync.Mutex
	cluster string
	members map[string]string      // identities to addresses as the others reach them
	conns   map[*portConn]struct{} // of both directions
	slots   slots                  // of those that others opened
	closed  bool

	turned turned // away; with a mutex of its own
}

var errPortClosed = errors.New("port is closed")

// New returns a port that listens. Nothing is accepted before Start.
func New(l net.Listener, self Self, judge Judge, log *slog.Logger) *Port {
	ctx, cancel := context.WithCancel(context.Background())
	if self.Dialer == nil {
		self.Dialer = new(net.Dialer).DialContext
	}
	return &Port{
		dialer:    self.Dialer,
		name:      self.Name,
		cluster:   self.Cluster,
		security:  self.Security,
		judge:     judge,
		listener:  l,
		log:       log,
		welcoming: make(chan struct{}),
		ctx:       ctx,
		cancel:    cancel,
		raft:      make(chan net.Conn),
		conns:     map[*portConn]struct{}{},
		slots:     slots{},
	}
}

// Serve serves a connection of the peer protocol. It calls known as soon as
// whoever stops it would find the connection.
type Serve func(from string, conn net.Conn, known func())

// Start begins to accept connections. Until Welcome only inquiries are answered.
func (p *Port) Start() {
	p.greeting.Add(1)
	p.running.Go(p.accept)
	if p.security.Certificates != nil {
		p.running.Go(p.rejudge)
	}
}

// Welcome lets members in; serve runs in a goroutine of the port.
func (p *Port) Welcome(serve Serve) {
	p.serve = serve
	close(p.welcoming)
}

// Belong makes the cluster known to which this member belongs from now on.
func (p *Port) Belong(name, cluster string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.cluster = name, cluster
}

// self is who this member is at the moment.
func (p *Port) self() (name, cluster string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.name, p.cluster
}

// Follow makes the members known, identities to addresses. Connections of those that
// are none any more end.
func (p *Port) Follow(members map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.members
	p.members = maps.Clone(members)
	for conn := range p.conns {
		_, before := was[conn.peer]
		if _, now := members[conn.peer]; before && !now {
			conn.raw.Close() // whoever reads from it closes the rest
		}
	}
}

// Dismiss ends the connections of those that were removed. Some came back when they were
// not known to be gone for good, and are told so when they come again. Who is no member and
// was not removed may have been added since: the leader itself, to one that it feeds.
func (p *Port) Dismiss() {
	for conn, peer := range p.strangers() {
		if p.judge.Removed(peer) {
			conn.raw.Close() // whoever reads from it closes the rest
		}
	}
}

// strangers are the connections of those that are no members by what is known here.
func (p *Port) strangers() map[*portConn]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := map[*portConn]string{}
	for conn := range p.conns {
		if _, member := p.members[conn.peer]; !member && conn.peer != "" {
			list[conn] = conn.peer
		}
	}
	return list
}

// address is where a member is reached.
func (p *Port) address(name string) (addr string, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	addr, known = p.members[name]
	return addr, known
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
		unknown := &portConn{Conn: conn, raw: conn, port: p}
		if p.admit(unknown, "", slot{}) {
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
		p.turnedAway(conn.RemoteAddr(), err)
		_ = conn.Close()
	case why == forInquiries:
		_ = conn.Close()
	case !p.admit(conn, from, p.slotOf(from, why)):
	case p.judge.Removed(from): // since it was judged; Dismiss may not have seen it
		_ = conn.Close()
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

// slotOf is where connections of a member count. All of those that are not known as
// members, perhaps not yet, share one.
func (p *Port) slotOf(from string, why purpose) slot {
	if _, known := p.address(from); !known {
		from = ""
	}
	return slot{from, why}
}

// Hears tells whether a connection stands that the member has opened. Such a one is
// always being read from, so one that was closed at the other end does not stand for long.
func (p *Port) Hears(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		if conn.peer == name && conn.at != (slot{}) {
			return true
		}
	}
	return false
}

// track makes sure that Close finds the connection; false means that it comes
// too late.
func (p *Port) track(conn *portConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.raw.Close()
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

// admit gives a connection that was accepted a slot, or another one than it had.
// It may cost the connection that has been there longest its own.
func (p *Port) admit(conn *portConn, from string, at slot) bool {
	if !p.track(conn) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	conn.peer = from
	if crowded := p.slots.enter(conn, at); crowded != nil {
		crowded.raw.Close() // whoever reads from it closes the rest
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
		conn.raw.Close()
	}
	clear(p.conns)
	clear(p.slots)
	p.mu.Unlock()
	p.running.Wait()
	return err
}
