package webserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// recordHandshake is the first byte of TLS.
	recordHandshake = 0x16

	// plainDrain bounds what is read of a plain request on a port of TLS, and for how
	// long: closed with some of it unread, the connection may lose the answer.
	plainDrain     = 64 << 10
	plainDrainTime = 500 * time.Millisecond
)

// plainProblem is for who speaks plain HTTP on a port of TLS: what the handler would
// write, if it ever saw the request.
const plainProblem = `{"type":"/docs/problems/` + string(outcome.TLSRequired) + `","title":"This port speaks HTTPS","status":400,` +
	`"detail":"This is HTTPS, and the request came as plain HTTP: ask for https:// at the same address",` +
	`"code":"` + string(outcome.TLSRequired) + `","retryable":false}` + "\n"

var errPlainHTTP = errors.New("it speaks plain HTTP, and this is HTTPS")

// ServeTLS is Serve over TLS. It speaks HTTP/1.1: one request at a time is what makes the
// bounds on connections bounds on requests, and an answer that ends its connection is
// how a server that stops sends its clients on.
func (s *Server) ServeTLS(l net.Listener, cfg *tls.Config) error {
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"http/1.1"}
	return s.serve(l, func(own *listener) net.Listener {
		own.secure = true
		return tls.NewListener(own, cfg)
	})
}

// raw is the connection below TLS, if there is any.
func raw(c net.Conn) net.Conn {
	if encrypted, is := c.(*tls.Conn); is {
		return encrypted.NetConn()
	}
	return c
}

// begin looks at the first byte that a client sends: whether it speaks what is spoken
// here. Where it does not, both sides are told.
func (c *conn) begin(first byte) error {
	switch {
	case c.secure && first != recordHandshake:
		_, err := fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\n"+
			"Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(plainProblem), plainProblem)
		if err == nil && c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(plainDrainTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, plainDrain)
		}
		return errPlainHTTP
	case !c.secure && first == recordHandshake:
		c.log.Warn("a client speaks TLS on a port of plain HTTP: give it an http:// address, or this node --tls-cert and --tls-key",
			"remote", c.RemoteAddr())
	}
	return nil
}

// netHTTPLog takes the lines of net/http's own log. Those of handshakes that failed begin
// with an address, and become one kind of message, of which the log bounds the number.
type netHTTPLog struct{ log *slog.Logger }

// Write implements io.Writer, for log.Logger.
func (l netHTTPLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if rest, is := strings.CutPrefix(text, "http: TLS handshake error from "); is {
		remote, why, _ := strings.Cut(rest, ": ")
		if why != "EOF" { // who only looks whether the port is open
			l.log.Warn("no TLS with a client", "remote", remote, "error", why)
		}
		return len(line), nil
	}
	l.log.Warn(text)
	return len(line), nil
}
