package cluster

import (
	"context"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/bpsc/bpsc/cluster/roster"
)

// links are the ways between the members of a test cluster, as those who dial see them.
type links struct {
	c *testCluster

	mu     sync.Mutex
	broken map[[2]int]error // by from and to: what dialling says
	tries  map[[2]int]int   // since it was broken
	lost   map[[2]int]bool  // what is sent is lost, both ways
	conns  map[[2]int][]*linkConn
}

func newLinks(c *testCluster) *links {
	return &links{c: c, broken: map[[2]int]error{}, tries: map[[2]int]int{}, lost: map[[2]int]bool{}, conns: map[[2]int][]*linkConn{}}
}

// dialer is how member from dials.
func (l *links) dialer(from int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		way := [2]int{from, slices.IndexFunc(l.c.peers, func(p roster.Peer) bool { return p.Addr == addr })}
		l.mu.Lock()
		err, lost := l.broken[way], l.lost[way]
		if err != nil {
			l.tries[way]++
		}
		l.mu.Unlock()
		switch {
		case err != nil:
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		case lost:
			<-ctx.Done()
			return nil, ctx.Err()
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		link := &linkConn{Conn: conn, links: l, way: way}
		l.conns[way] = append(l.conns[way], link)
		return link, nil
	}
}

// cut closes what from has opened to to; dialling then says err, if that is not nil.
func (l *links) cut(from, to int, err error) {
	way := [2]int{from, to}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken[way], l.tries[way] = err, 0
	for _, conn := range l.conns[way] {
		conn.Conn.Close()
	}
	l.conns[way] = nil
}

// tried is how often from has dialled to in vain.
func (l *links) tried(from, to int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tries[[2]int{from, to}]
}

// lose loses all between two members from now on, without a word.
func (l *links) lose(a, b int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[[2]int{a, b}], l.lost[[2]int{b, a}] = true, true
}

// linkConn is a connection as its dialler has it.
type linkConn struct {
	net.Conn
	links *links
	way   [2]int
}

func (c *linkConn) isLost() bool {
	c.links.mu.Lock()
	defer c.links.mu.Unlock()
	return c.links.lost[c.way]
}

func (c *linkConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.isLost() {
			return n, err
		}
	}
}

func (c *linkConn) Write(b []byte) (int, error) {
	if c.isLost() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

var (
	errRefused     = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	errDescriptors = os.NewSyscallError("socket", syscall.EMFILE)
	errNoAnswer    = os.NewSyscallError("connect", syscall.ETIMEDOUT)
)
