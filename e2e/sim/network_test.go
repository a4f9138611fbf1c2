package sim

import (
	"context"
	"fmt"
	"net"
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
