package webserver

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Origin is what a server is told of the address that a connection comes from.
type Origin struct {
	// Network counts as one client, of whom there are only so many connections.
	Network netip.Prefix
	// Limited: that bound holds for it, and the one on requests of a connection.
	Limited bool
	// Unwelcome: it has come too often, and is closed without a word.
	Unwelcome bool
}

// crowd are the connections that have a place. Those with no request under way stand
// in the order in which they fell silent; when there is no place left, the one that
// has been silent for longest makes room, be it that it never said anything, sends its
// header a byte at a time, or keeps its connection for later.
type crowd struct {
	mu       sync.Mutex // guards what follows, and that part of conn
	silent   conn       // the ring: next is who has been silent for longest
	networks map[netip.Prefix]int
}

func newCrowd() *crowd {
	w := &crowd{networks: map[netip.Prefix]int{}}
	w.silent.next, w.silent.prev = &w.silent, &w.silent
	return w
}

// count counts a connection among those of its network, unless that has too many.
func (w *crowd) count(c *conn, most int) (ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.networks[c.network] >= most {
		return false
	}
	w.networks[c.network]++
	c.counted = true
	return true
}

// join begins with a connection that has a place.
func (w *crowd) join(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fallSilent(c)
}

func (w *crowd) fallSilent(c *conn) {
	c.since = time.Now()
	c.prev, c.next = w.silent.prev, &w.silent
	c.prev.next, c.next.prev = c, c
}

func (w *crowd) speak(c *conn) {
	if c.next != nil {
		c.prev.next, c.next.prev = c.next, c.prev
		c.prev, c.next = nil, nil
	}
}

// begin is before a request is dealt with. It fails when the connection has just made
// room: nothing may be done for a client who could not be told.
func (w *crowd) begin(c *conn) (ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.gone {
		return false
	}
	w.speak(c)
	c.requests++
	return true
}

// end is after it.
func (w *crowd) end(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !c.gone && !c.known && !c.spare() {
		w.fallSilent(c)
	}
}

// know takes a connection out of the crowd: it makes no room, and counts for nobody.
func (w *crowd) know(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.known = true
	w.speak(c)
	w.discount(c)
}

func (w *crowd) discount(c *conn) {
	if !c.counted {
		return
	}
	c.counted = false
	if w.networks[c.network]--; w.networks[c.network] == 0 {
		delete(w.networks, c.network)
	}
}

// leave is when a connection is closed.
func (w *crowd) leave(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.gone = true
	w.speak(c)
	w.discount(c)
}

// makeRoom closes the connection that has been silent for longest, if that is for so
// long; else it tells when to ask again.
func (w *crowd) makeRoom(silence time.Duration) (made bool, next time.Duration) {
	w.mu.Lock()
	c := w.silent.next
	if c == &w.silent {
		w.mu.Unlock()
		return false, silence
	}
	if next = silence - time.Since(c.since); next > 0 {
		w.mu.Unlock()
		return false, next
	}
	c.gone = true
	w.speak(c)
	w.mu.Unlock()
	_ = c.Close()
	return true, 0
}

// peerOf is the address that a connection comes from, not valid where it has none.
func peerOf(c net.Conn) netip.Addr {
	at, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return at.AddrPort().Addr().Unmap().WithZone("")
}
