package port

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/bpsc/bpsc/internal/identity"
)

// Dial opens a connection of the peer protocol to a member.
func (p *Port) Dial(ctx context.Context, to string) (net.Conn, error) {
	addr, known := p.address(to)
	if !known {
		return nil, fmt.Errorf("cluster: there is no member %s", to)
	}
	return p.dial(ctx, to, addr, forPeers)
}

// dial opens a connection to the member that is at an address.
func (p *Port) dial(ctx context.Context, to, addr string, why purpose) (net.Conn, error) {
	return p.connect(ctx, to, addr, func(conn *portConn) error { return p.introduce(conn, to, why) })
}

// connect opens a connection that begins with a handshake, with the member of that
// identity, or whoever is there where it is "".
func (p *Port) connect(ctx context.Context, to, addr string, handshake func(*portConn) error) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	conn, err := p.open(ctx, to, addr, p.security.Certificates != nil, handshake)
	if errors.Is(err, errPlain) && p.security.AcceptPlain {
		conn, err = p.open(ctx, to, addr, false, handshake)
	}
	return conn, err
}

// open opens a connection, one of TLS or a plain one.
func (p *Port) open(ctx context.Context, to, addr string, encrypted bool, handshake func(*portConn) error) (net.Conn, error) {
	raw, err := p.dialer(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	conn := &portConn{Conn: raw, raw: raw, port: p, peer: to}
	if !p.track(conn) {
		return nil, errPortClosed
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if encrypted {
		if err = p.secureDialled(ctx, conn, identity.Identity(to).ID()); err != nil {
			err = fmt.Errorf("%w with %s: %w", errHandshake, to, err)
		}
	}
	if err == nil {
		err = handshake(conn)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
