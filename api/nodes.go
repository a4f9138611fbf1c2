package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// NodeReader reads the directory of nodes.
type NodeReader interface {
	// Nodes lists at most limit of the nodes registered here, sorted, that come
	// after one, and says how many there are.
	Nodes(after string, limit int) (page []string, count int)
}

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
		nodes, err := w.read.Nodes(w.in)
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
		answer := struct {
			Message string   `json:"message"`
			Nodes   []string `json:"total_nodes"`
			Count   int      `json:"count,omitempty"` // where that is more than are shown
			All     string   `json:"all,omitempty"`
		}{Message: "New nodes have been added", Nodes: page}
		if count > len(page) {
			answer.Count, answer.All = count, "/v1/nodes"
		}
		return s.sendValue(c, http.StatusCreated, answer)
	}
}

// addNodes registers nodes with the cluster.
func (s *memberServer) addNodes(c *gin.Context, nodes []string) error {
	return s.order(c, "The nodes may have been added: send the same list again", func(ctx context.Context) error {
		applied, err := s.write.RegisterNodes(ctx, nodes, access.Network(c.Request))
		if err == nil {
			_ = s.catchUp(c, applied) // the answer names them all the same
		}
		return err
	})
}

// addNodes registers nodes with this node alone.
func (s *followerServer) addNodes(c *gin.Context, nodes []string) error {
	return s.node.Register(nodes, access.Network(c.Request))
}

// removeNode is DELETE /v1/nodes/{host:port}, or {host} for all its ports.
func (s *server) removeNode(drop func(c *gin.Context, node string) error) handler {
	return func(c *gin.Context) error {
		text, err := url.PathUnescape(c.Param("node"))
		if err != nil {
			return fmt.Errorf("%w: the node is not escaped as in a URL", chain.InvalidField)
		}
		node, wrong := intake.NormalNode(text)
		if host := intake.NormalHost(strings.Trim(text, "[]")); host != "" {
			node, wrong = net.JoinHostPort(host, ""), ""
		}
		if wrong != "" {
			return fmt.Errorf("%w: %s %s", chain.NodeInvalid, strconv.QuoteToASCII(intake.Echo(text)), wrong)
		}
		if err := drop(c, node); err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	}
}

func (s *memberServer) dropNode(c *gin.Context, node string) error {
	return s.noted(c, "nodes.remove", node, func() error {
		return s.order(c, "The node may have been removed: send the same request again", func(ctx context.Context) error {
			applied, err := s.write.RemoveNode(ctx, node)
			if err == nil {
				_ = s.catchUp(c, applied)
			}
			return err
		})
	})
}

func (s *followerServer) dropNode(c *gin.Context, node string) error {
	return s.logged(c, "nodes.remove", func() error { return s.node.Remove(node) })
}

// getNodes is GET /v1/nodes: {"items":[ … ]}, sorted; "next" is where the next
// page begins, as ?after=.
func (s *server) getNodes(c *gin.Context) error {
	limit, err := query.Uint(c, "limit", maxNodesShown, maxNodesShown)
	if err != nil {
		return err
	}
	page, _ := s.read.Nodes(query.Text(c, "after"), int(limit)+1)
	answer := struct {
		Items []string `json:"items"`
		Next  string   `json:"next,omitempty"`
	}{Items: []string{}}
	answer.Items = append(answer.Items, page[:min(len(page), int(limit))]...)
	if len(page) > int(limit) {
		answer.Next = page[limit-1]
	}
	return s.sendValue(c, http.StatusOK, answer)
}
