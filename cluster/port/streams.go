package port

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// portConn is a connection that its port knows.
type portConn struct {
	net.Conn          // raw, or TLS over it; of whoever has the connection
	raw      net.Conn // anybody may close it, and it never waits
	port     *Port
	shown    shown  // once, before who has the connection goes on; guarded by the port's mutex
	at       slot   // guarded likewise
	peer     string // the member at the other end, if it is known as one; guarded likewise
}

func (c *portConn) Close() error {
	c.port.mu.Lock()
	delete(c.port.conns, c)
	c.port.slots.leave(c)
	c.port.mu.Unlock()
	return c.raw.Close() // what is cut off short does not decode, with TLS or without
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

// Addr implements net.Listener: what the other members call this one.
func (s raftStreams) Addr() net.Addr {
	name, _ := s.self()
	return peerAddr(name)
}

// Target is how raft's transport names a member, which holds its connections by it.
func Target(name, addr string) raft.ServerAddress { return raft.ServerAddress(name + "@" + addr) }

// Dial implements raft.StreamLayer, for a Target.
func (s raftStreams) Dial(target raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	at := strings.LastIndexByte(string(target), '@') // no host:port has one
	if at < 0 {
		return nil, fmt.Errorf("cluster: %q names no member", target)
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	return s.dial(ctx, string(target[:at]), string(target[at+1:]), forRaft)
}

type peerAddr string

func (peerAddr) Network() string  { return "tcp" }
func (a peerAddr) String() string { return string(a) }
