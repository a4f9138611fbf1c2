package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
)

// operatorOnly is before what only whoever runs this node may do. Where a
// secret is configured the secret is asked for; where none is, the request
// must come straight from this machine.
func (s *server) operatorOnly(c *gin.Context) {
	if s.byOperator(c.Request) {
		return
	}
	detail := "This is for whoever runs the node: send it from the node's own machine, to 127.0.0.1 and not through a proxy, " +
		"or configure --operator-secret-file"
	if s.cfg.OperatorSecret != "" {
		detail = "This is for whoever runs the node: send the operator's secret, as Authorization: Bearer …"
	}
	c.Abort()
	s.fail(c, withDetail(ErrOperatorOnly, detail))
}

func (s *server) byOperator(r *http.Request) bool {
	if s.cfg.OperatorSecret == "" {
		return direct(r)
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	want, got := sha256.Sum256([]byte(s.cfg.OperatorSecret)), sha256.Sum256([]byte(given))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// signsOfProxies are headers that a reverse proxy on this machine adds to what
// it passes on for somebody else.
var signsOfProxies = [...]string{"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "X-Original-Host"}

// direct tells whether a request comes from this machine and was passed on for
// nobody: from a loopback address, by the name of one, without a trace of a
// proxy, and not in HTTP/1.0, which a proxy that adds no header speaks.
func direct(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() || !r.ProtoAtLeast(1, 1) {
		return false
	}
	for _, name := range signsOfProxies {
		if r.Header[name] != nil {
			return false
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Cf-") {
			return false
		}
	}
	host := hostOnly(r.Host)
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.Unmap().IsLoopback()
}

// networkOf is what counts as one client where clients have a share: its
// address may be one of many that it can use.
func networkOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	at = at.Unmap().WithZone("")
	bits := 48
	if at.Is4() {
		bits = 24
	}
	network, _ := at.Prefix(bits)
	return network.String()
}
