package api

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// normalNode turns a URL or a host:port into host:port, in one spelling for
// one address. wrong says why it cannot, "" when it can.
func normalNode(text string) (node, wrong string) {
	address, port := text, ""
	if strings.Contains(text, "://") {
		var ok bool
		if address, port, ok = hostOfURL(text); !ok {
			return "", "is not a URL of http or https"
		}
	}
	host, given, err := net.SplitHostPort(address)
	switch {
	case err == nil:
		port = given
	case port == "":
		return "", "is not host:port"
	default:
		host = strings.Trim(address, "[]")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", "has no port from 1 to 65535"
	}
	if host = normalHost(host); host == "" {
		return "", "has no valid host"
	}
	node = net.JoinHostPort(host, strconv.FormatUint(number, 10))
	if len(node) > maxNodeBytes {
		return "", "is too long"
	}
	return node, ""
}

// hostOfURL returns what stands between the scheme and the path, and the
// scheme's port. Credentials are refused: the list of nodes is public.
func hostOfURL(text string) (address, port string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return "", "", false
	}
	switch u.Scheme {
	case "http":
		return u.Host, "80", true
	case "https":
		return u.Host, "443", true
	}
	return "", "", false
}

// normalHost returns an IP address in its canonical form or a DNS name in
// lower case, "" for anything else.
func normalHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return "" // means something on one machine only
		}
		if ip.Unmap().IsUnspecified() {
			return "" // to listen on, and leads nobody anywhere
		}
		return ip.String()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || len(host) > 253 {
		return ""
	}
	for label := range strings.SplitSeq(host, ".") {
		if !validLabel(label) {
			return ""
		}
	}
	return host
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
