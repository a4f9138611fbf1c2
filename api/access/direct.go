package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

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

// Network is what counts as one client where clients have a share: its
// address may be one of many that it can use.
func Network(r *http.Request) string {
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
