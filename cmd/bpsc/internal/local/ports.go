package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are addresses of this machine for processes that are to be started. Until Release
// they are held, so that none is given out twice and nobody else takes one. One goroutine
// uses them.
type Ports struct{ held []net.Listener }

// Free is a port on which nobody listens, below those from which the kernel takes its own for
// outgoing connections: one of those could be taken while its member is dead.
func (p *Ports) Free() (string, error) {
	for range 1000 {
		if addr := fmt.Sprintf("127.0.0.1:%d", 16_000+rand.IntN(16_000)); p.hold(addr) {
			return addr, nil
		}
	}
	return "", errors.New("no free port on 127.0.0.1 between 16000 and 32000")
}

// From are those from port on, ten apart, or free ones where one of them is taken and for 0.
func (p *Ports) From(port, count int) (list []string, err error) {
	before := len(p.held)
	for i := range count {
		addr := fmt.Sprintf("127.0.0.1:%d", port+10*i)
		if port == 0 || !p.hold(addr) {
			list = nil
			err = p.releaseFrom(before)
			break
		}
		list = append(list, addr)
	}
	for len(list) < count && err == nil {
		var addr string
		addr, err = p.Free()
		list = append(list, addr)
	}
	return list, err
}

func (p *Ports) hold(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		p.held = append(p.held, l)
	}
	return err == nil
}

// Release lets the processes have them.
func (p *Ports) Release() error { return p.releaseFrom(0) }

func (p *Ports) releaseFrom(first int) error {
	var errs []error
	for _, l := range p.held[first:] {
		errs = append(errs, l.Close())
	}
	p.held = p.held[:first]
	return errors.Join(errs...)
}
