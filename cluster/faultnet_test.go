package cluster

import (
	"io"
	"net"
	"sync"
	"testing"
)

// faultNet carries all connections between members and can lose what is larger
// than small on the way from one to another, as a network does whose path lets
// no large packets through. What follows on the same connection is then lost as
// well: the receiver's TCP waits for what is missing.
type faultNet struct {
	mu    sync.Mutex
	lossy map[[2]string]bool // from, to
	conns []net.Conn
}

const small = 400

// startFaulty starts n members that reach each other through a faultNet.
func startFaulty(t testing.TB, n int) (*testCluster, *faultNet) {
	t.Helper()
	c := newTestCluster(t, n)
	f := &faultNet{lossy: map[[2]string]bool{}}
	var running sync.WaitGroup
	var fronts []net.Listener
	for i := range n {
		behind := c.peers[i].Addr
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		fronts = append(fronts, l)
		c.peers[i].Addr = l.Addr().String()
		running.Go(func() { f.accept(l, c.peers[i].ID, behind, &running) })
	}
	t.Cleanup(func() { // before the members stop, which do not need it
		for _, l := range fronts {
			l.Close()
		}
		f.closeAll()
		running.Wait()
	})
	for i := range n {
		c.start(i)
	}
	c.leader()
	return c, f
}

// lose sets whether large packets from one member to another are lost.
func (f *faultNet) lose(from, to string, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lossy[[2]string{from, to}] = lost
}

func (f *faultNet) loses(from, to string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lossy[[2]string{from, to}]
}

func (f *faultNet) accept(l net.Listener, to, behind string, running *sync.WaitGroup) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		running.Go(func() { f.carry(in, to, behind, running) })
	}
}

// carry connects one connection; who dialled it tells in its handshake.
func (f *faultNet) carry(in net.Conn, to, behind string, running *sync.WaitGroup) {
	out, err := net.Dial("tcp", behind)
	if err != nil {
		in.Close()
		return
	}
	f.mu.Lock()
	f.conns = append(f.conns, in, out)
	f.mu.Unlock()
	hello := make([]byte, 39)
	if _, err := io.ReadFull(in, hello); err != nil {
		in.Close()
		out.Close()
		return
	}
	from := make([]byte, hello[38])
	if _, err := io.ReadFull(in, from); err != nil {
		in.Close()
		out.Close()
		return
	}
	out.Write(append(hello, from...))
	running.Go(func() { f.pump(in, out, string(from), to) })
	f.pump(out, in, to, string(from))
}

func (f *faultNet) pump(in, out net.Conn, from, to string) {
	defer in.Close()
	defer out.Close()
	stalled := false
	for buf := make([]byte, 64<<10); ; {
		n, err := in.Read(buf)
		if n > small && f.loses(from, to) {
			stalled = true
		}
		if !stalled {
			if _, err := out.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (f *faultNet) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}
