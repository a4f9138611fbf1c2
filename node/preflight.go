package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// What is in this file finds mistakes before the first byte is written: what was
// written under a wrong name or in a wrong place stands in the way of the right
// one.

// checkListen tells whether a node can listen on its addresses at this moment, on
// all at once: one address cannot be two. An empty one is none.
func checkListen(addresses ...address) error {
	for _, a := range addresses {
		if a.at == "" {
			continue
		}
		l, err := net.Listen("tcp", a.at)
		if err != nil {
			return fmt.Errorf("--%s: %w", a.flag, err)
		}
		defer func() { _ = l.Close() }()
	}
	return nil
}

// address is a host:port and the flag that says so.
type address struct{ flag, at string }

// CheckURL refuses a URL under which nobody is reached: it goes to other machines.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || !isURL(text) {
		return fmt.Errorf("%q is not an http URL", text)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("paths are appended to it: it takes no user, query or fragment")
	}
	return checkReachable(u.Hostname(), u.Port())
}

// checkReachable refuses what is an address to listen on and none to connect to.
func checkReachable(host, port string) error {
	ip, err := netip.ParseAddr(host)
	_, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case host == "" || err == nil && ip.WithZone("").Unmap().IsUnspecified():
		return errors.New("it stands for every address of this machine, and leads nobody here")
	case err != nil && strings.Trim(host, "0123456789.") == "":
		return fmt.Errorf("%q is neither a name nor an address", host)
	case strings.Trim(port, "0") == "" && port != "":
		return errors.New("port 0 is any free one, and leads nobody here")
	case portErr != nil && strings.Trim(port, "0123456789") == "" && port != "":
		return fmt.Errorf("there is no port %s", port)
	}
	return nil
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// usage says that the configuration is at fault.
func usage(err error) error { return fmt.Errorf("%w: %w", ErrUsage, err) }
