package cluster

import (
	"net"
	"sync/atomic"
	"testing"
)

// countingListener counts what it accepts.
type countingListener struct {
	net.Listener
	accepted atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

// However often somebody asks for the status, the members do not talk more.
func TestReadersOfTheStatusShareIt(t *testing.T) {
	c := newTestCluster(t, 3)
	counted := &countingListener{Listener: c.spare[0]}
	c.spare[0] = counted
	for i := range c.members {
		c.start(i)
	}
	leader := c.leader()
	for _, m := range c.members {
		waitFor(t, "everybody's status", func() bool {
			s := m.Status()
			for _, one := range s.Members {
				if one.Role == RoleUnreachable {
					return false
				}
			}
			return s.Leader == c.peers[leader].ID
		})
	}
	before := counted.accepted.Load()
	for range 1000 {
		for _, m := range c.members {
			m.Status()
		}
	}
	// raft may have opened a few of its own meanwhile.
	if n := counted.accepted.Load() - before; n > 10 {
		t.Errorf("%d connections for 3,000 readers", n)
	}
}
