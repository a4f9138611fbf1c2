// Package loopback tells what stays on this machine.
package loopback

import (
	"net"
	"net/netip"
	"net/url"
)

// Is tells whether a host is this machine and reached from nowhere else: localhost, or
// an address of the loopback interface. Other names may be anything.
func Is(host string) bool {
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.Unmap().IsLoopback()
}

// Listens tells whether who listens at host:port is heard on this machine alone.
func Listens(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && Is(host)
}

// Shelters tells whether nobody on the way reads what is sent to a URL: it is https, or
// leads to this machine. Secrets are for no others.
func Shelters(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "http" && Is(u.Hostname()) }
