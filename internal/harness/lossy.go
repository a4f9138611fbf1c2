package harness

import (
	"io"
	"net"
	"sync"
)

// Lossy carries all connections between members and can lose what is larger than
// small on the way from one to another, as a network does whose path lets no large
// packets through. What follows on the same connection is then lost as well: the
// receiver's TCP would wait for what is missing.
//
// It owns the goroutines of its listeners and connections, which end with Close.
type Lossy struct {
	running sync.WaitGroup

	mu      sync.Mutex
	lossy   map[[2]string]bool // from, to
	closers []io.Closer
	closed  bool
}

// small is the size of a packet that always gets through: a heartbeat does, and what a member says
// of itself, which is some 400 bytes. A member that could not even say that would be another fault.
const small = 1 << 10

// NewLossy returns a network that loses nothing yet.
func NewLossy() *Lossy { return &Lossy{lossy: map[[2]string]bool{}} }

// Front returns an address that leads to a member behind another one.
func (l *Lossy) Front(id, behind string) (string, error) {
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	l.own(front)
	l.running.Go(func() {
		for {
			in, err := front.Accept()
			if err != nil {
				return
			}
			l.running.Go(func() { l.carry(in, id, behind) })
		}
	})
	return front.Addr().String(), nil
}

// Lose sets whether large packets from one member to another are lost.
func (l *Lossy) Lose(from, to string, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lossy[[2]string{from, to}] = lost
}

// Close ends all connections.
func (l *Lossy) Close() {
	l.mu.Lock()
	l.closed = true
	for _, c := range l.closers {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.running.Wait()
}

func (l *Lossy) own(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close()
	}
	l.closers = append(l.closers, c)
}

func (l *Lossy) loses(from, to string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lossy[[2]string{from, to}]
}

// carry connects one connection; who dialled it tells in its handshake.
func (l *Lossy) carry(in net.Conn, to, behind string) {
	l.own(in)
	defer func() { _ = in.Close() }()
	out, err := net.Dial("tcp", behind)
	if err != nil {
		return
	}
	l.own(out)
	defer func() { _ = out.Close() }()
	hello := make([]byte, 4+1+1+32+1) // magic, version, purpose, cluster, length of the id
	if _, err := io.ReadFull(in, hello); err != nil {
		return
	}
	from := make([]byte, hello[len(hello)-1])
	if _, err := io.ReadFull(in, from); err != nil {
		return
	}
	if _, err := out.Write(append(hello, from...)); err != nil {
		return
	}
	l.running.Go(func() { l.pump(in, out, string(from), to) })
	l.pump(out, in, to, string(from))
}

func (l *Lossy) pump(in, out net.Conn, from, to string) {
	defer func() { _, _ = in.Close(), out.Close() }()
	stalled := false
	for buf := make([]byte, 64<<10); ; {
		n, err := in.Read(buf)
		stalled = stalled || n > small && l.loses(from, to)
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
