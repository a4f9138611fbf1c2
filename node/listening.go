package node

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/bpsc/bpsc/internal/admin"
	"github.com/bpsc/bpsc/internal/loopback"
	"github.com/bpsc/bpsc/internal/webserver"
)

// listen begins to listen, where that is the node's own matter.
func (s *service) listen() (err error) {
	if s.common.Listen == "" {
		return nil
	}
	if s.listener, err = webserver.Listen(s.common.Listen); err == nil {
		s.opened(func() error {
			_ = s.listener.Close() // the server has, if it ever had it
			return nil
		})
	}
	return err
}

// leaveClients lets open requests finish, and ends those of clients that are too slow.
func (s *service) leaveClients() {
	ctx, cancel := context.WithTimeout(context.Background(), clientsStop)
	defer cancel()
	_ = s.server.Shutdown(ctx)
}

// Handler serves what the node serves, for a server of the owner's. Once the node
// stops it answers with 503.
func (s *service) Handler() http.Handler { return s.server.Handler() }

// Addr is where the node listens; nil where it does not.
func (s *service) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// address is Addr, for the log.
func (s *service) address() string {
	if s.listener == nil {
		return "(its owner's)"
	}
	return s.listener.Addr().String()
}

// checkAdmin says what is wrong with the address of the listener for whoever runs the
// node.
func (c *Common) checkAdmin() error {
	if c.Admin == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Admin); err != nil {
		return fmt.Errorf("--admin %q is not host:port", c.Admin)
	}
	if !c.TLS.Insecure && !loopback.Listens(c.Admin) {
		return fmt.Errorf("--admin %s is reached from other machines, and shows without a token what is in this process's memory: "+
			"give it a loopback address; --insecure allows others", c.Admin)
	}
	return nil
}

// adminFiles is how many files that listener takes.
func (c *Common) adminFiles() int {
	if c.Admin == "" {
		return 0
	}
	return admin.Connections + 1
}

// listenAdmin begins to listen for whoever runs the node, where that is wanted.
func (s *service) listenAdmin(figures http.Handler, ready func() error) (err error) {
	if s.common.Admin == "" {
		return nil
	}
	if s.admin, err = admin.NewServer(admin.Config{Metrics: figures, Ready: ready, Logger: s.log}); err != nil {
		return err
	}
	if s.adminListener, err = webserver.Listen(s.common.Admin); err == nil {
		s.opened(func() error {
			s.admin.Close()
			_ = s.adminListener.Close() // the server has, if it ever had it
			return nil
		})
	}
	return err
}

// AdminAddr is where the node listens for whoever runs it; nil where it does not.
func (s *service) AdminAddr() net.Addr {
	if s.adminListener == nil {
		return nil
	}
	return s.adminListener.Addr()
}
