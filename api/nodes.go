package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// NodeReader reads the directory of nodes.
type NodeReader interface {
	// Nodes lists at most limit of the nodes registered here, sorted, that come
	// after one, and says how many there are.
	Nodes(after string, limit int) (page []string, count int)
}

// noNodes is the tutorial's sentence, to the letter.
const noNodes = "Error: Please supply a valid list of nodes"

// registerNodes is the tutorial's POST /nodes/register. The list is a directory
// for clients and nothing else: anybody may add to it, so nothing here or behind
// add ever sends a request to a node because it stands there.
func (s *server) registerNodes(add func(c *gin.Context, nodes []string) error) handler {
	return func(c *gin.Context) error {
		w := s.pool.get()
		defer s.pool.put(w)
		if err := readBody(c, w, maxBody); err != nil {
			return err
		}
		nodes, err := scanNodes(w)
		if err != nil {
			return err
		}
		if err := add(c, nodes); err != nil {
			return err
		}
		// Those that were asked for are there, whatever page they are on.
		page, count := s.read.Nodes("", maxNodesShown)
		page = append(page, nodes...)
		slices.Sort(page)
		page = slices.Compact(page)
		w.out = appendText(append(w.out, '{'), "message", "New nodes have been added")
		w.out = appendList(w.out, "total_nodes", page)
		if count > len(page) {
			w.out = appendUint(w.out, "count", uint64(count))
			w.out = appendText(w.out, "all", "/v1/nodes")
		}
		s.sendJSON(c, http.StatusCreated, append(w.out, "}\n"...))
		return nil
	}
}

// addNodes registers nodes with the cluster.
func (s *memberServer) addNodes(c *gin.Context, nodes []string) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.WriteTimeout)
	defer cancel()
	applied, err := s.write.RegisterNodes(ctx, nodes, networkOf(c.Request))
	if err != nil {
		return nodesError(err, "The nodes may have been added: send the same list again")
	}
	_ = s.catchUp(c, applied) // the answer names them all the same
	return nil
}

// addNodes registers nodes with this node alone.
func (s *followerServer) addNodes(c *gin.Context, nodes []string) error {
	return s.node.Register(nodes, networkOf(c.Request))
}

// removeNode is DELETE /v1/nodes/{host:port}, or {host} for all its ports.
func (s *server) removeNode(drop func(c *gin.Context, node string) error) handler {
	return func(c *gin.Context) error {
		text, err := url.PathUnescape(c.Param("node"))
		if err != nil {
			return fmt.Errorf("%w: the node is not escaped as in a URL", chain.InvalidField)
		}
		node, wrong := normalNode(text)
		if host := normalHost(strings.Trim(text, "[]")); host != "" {
			node, wrong = net.JoinHostPort(host, ""), ""
		}
		if wrong != "" {
			return fmt.Errorf("%w: %s %s", chain.NodeInvalid, strconv.QuoteToASCII(echo(text)), wrong)
		}
		if err := drop(c, node); err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	}
}

func (s *memberServer) dropNode(c *gin.Context, node string) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.WriteTimeout)
	defer cancel()
	applied, err := s.write.RemoveNode(ctx, node)
	if err != nil {
		return nodesError(err, "The node may have been removed: send the same request again")
	}
	_ = s.catchUp(c, applied)
	return nil
}

func (s *followerServer) dropNode(_ *gin.Context, node string) error { return s.node.Remove(node) }

// nodesError adds what to do about an unknown outcome: nodes are a set.
func nodesError(err error, again string) error {
	if err = writeError(err, nil); errors.Is(err, ErrOutcomeUnknown) {
		return withDetail(err, again)
	}
	return err
}

// getNodes is GET /v1/nodes: {"items":[ … ]}, sorted; "next" is where the next
// page begins, as ?after=.
func (s *server) getNodes(c *gin.Context) error {
	limit, err := queryUint(c, "limit", maxNodesShown, maxNodesShown)
	if err != nil {
		return err
	}
	w := s.pool.get()
	defer s.pool.put(w)
	page, _ := s.read.Nodes(queryText(c, "after"), int(limit)+1)
	more := len(page) > int(limit)
	page = page[:min(len(page), int(limit))]
	w.out = appendList(append(w.out, '{'), "items", page)
	if more {
		w.out = appendText(w.out, "next", page[len(page)-1])
	}
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

// scanNodes reads {"nodes": [ … ]} as a set of host:port, sorted.
func scanNodes(w *work) ([]string, error) {
	var nodes []string
	wrong := error(withDetail(chain.NodeInvalid, noNodes)) // until a list is found
	err := scanObject(w, func(key string) error {
		if key != "nodes" || w.scan.Peek() != pyjson.KindArray {
			return nil
		}
		wrong = nil
		return w.scan.Array(func(i int) error {
			node, err := scanNode(&w.scan, i)
			if err != nil {
				return err
			}
			nodes = append(nodes, node)
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, err
	case wrong != nil:
		return nil, wrong
	case len(nodes) == 0:
		return nil, withDetail(chain.NodeInvalid, noNodes)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), nil
}

func scanNode(s *pyjson.Scanner, i int) (string, error) {
	if i == maxRegister {
		return "", fmt.Errorf("%w: at most %d in one request", chain.NodeInvalid, maxRegister)
	}
	reason := "it is not a text"
	if s.Peek() == pyjson.KindString {
		text, err := s.String()
		if err != nil {
			return "", err
		}
		node, wrong := normalNode(text)
		if wrong == "" {
			return node, nil
		}
		reason = strconv.QuoteToASCII(echo(text)) + " " + wrong
	}
	return "", withDetail(chain.NodeInvalid, fmt.Sprintf("%s: nodes[%d]: %s", noNodes, i, reason))
}

func appendList(dst []byte, key string, values []string) []byte {
	dst = append(appendKey(dst, key), '[')
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = pyjson.AppendString(dst, value)
	}
	return append(dst, ']')
}

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
