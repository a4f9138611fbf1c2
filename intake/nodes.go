package intake

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// noNodes is the tutorial's sentence, to the letter.
const noNodes = "Error: Please supply a valid list of nodes"

// Nodes reads {"nodes": [ … ]} as a set of host:port, sorted.
func (r *Reader) Nodes(body []byte) ([]string, error) {
	var nodes []string
	listed := false
	err := r.Object(body, func(s *pyjson.Scanner, key string) error {
		if key != "nodes" || s.Peek() != pyjson.KindArray {
			return nil
		}
		listed = true
		return s.Array(func(i int) error {
			node, err := scanNode(s, i)
			nodes = append(nodes, node)
			return err
		})
	})
	switch {
	case err != nil:
		return nil, err
	case !listed || len(nodes) == 0:
		return nil, fmt.Errorf("%w: %s", chain.NodeInvalid, noNodes)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), nil
}

func scanNode(s *pyjson.Scanner, i int) (string, error) {
	if i == maxNodes {
		return "", fmt.Errorf("%w: at most %d in one request", chain.NodeInvalid, maxNodes)
	}
	reason := "it is not a text"
	if s.Peek() == pyjson.KindString {
		text, err := s.String()
		if err != nil {
			return "", err
		}
		node, wrong := NormalNode(text)
		if wrong == "" {
			return node, nil
		}
		reason = strconv.QuoteToASCII(Echo(text)) + " " + wrong
	}
	return "", fmt.Errorf("%w: %s: nodes[%d]: %s", chain.NodeInvalid, noNodes, i, reason)
}

// NormalNode turns a URL or a host:port into host:port, in one spelling for
// one address. wrong says why it cannot, "" when it can.
func NormalNode(text string) (node, wrong string) {
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
	if host = NormalHost(host); host == "" {
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

// NormalHost returns an IP address in its canonical form or a DNS name in
// lower case, "" for anything else.
func NormalHost(host string) string {
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
