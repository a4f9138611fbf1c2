package cluster

import (
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// wires are connections in memory between processes that have names: what raft's transport
// runs over where a test says what happens, and when.
type wires struct {
	mu    sync.Mutex
	ends  map[string]*wire
	conns []net.Conn
}

// wire is the end of one process. It implements raft.StreamLayer.
type wire struct {
	name     string
	all      *wires
	incoming chan net.Conn
	closed   chan struct{}
	close    func() // closes closed, once
}

func newWires() *wires { return &wires{ends: map[string]*wire{}} }

// plug makes the end of a process, or a new one after the one before was closed.
func (w *wires) plug(name string) *wire {
	end := &wire{name: name, all: w, incoming: make(chan net.Conn), closed: make(chan struct{})}
	end.close = sync.OnceFunc(func() { close(end.closed) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[name] = end
	return end
}

// cut ends all connections.
func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.conns {
		conn.Close()
	}
	w.conns = nil
}

// Dial implements raft.StreamLayer. A member of ours names the other before its address.
func (e *wire) Dial(to raft.ServerAddress, _ time.Duration) (net.Conn, error) {
	name := string(to)[strings.LastIndexByte(string(to), '@')+1:]
	e.all.mu.Lock()
	other := e.all.ends[name]
	e.all.mu.Unlock()
	if other == nil {
		return nil, errors.New("nobody has that name")
	}
	here, there := net.Pipe()
	e.all.mu.Lock()
	e.all.conns = append(e.all.conns, here, there)
	e.all.mu.Unlock()
	select {
	case other.incoming <- there:
		return here, nil
	case <-other.closed:
		return nil, errors.New("nobody listens")
	}
}

// Accept implements net.Listener.
func (e *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-e.incoming:
		return conn, nil
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (e *wire) Close() error { e.close(); return nil }

// Addr implements net.Listener.
func (e *wire) Addr() net.Addr { return wireName(e.name) }

type wireName string

func (wireName) Network() string  { return "wire" }
func (n wireName) String() string { return string(n) }
