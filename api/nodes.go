package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// noNodes is the tutorial's sentence, to the letter.
const noNodes = "Error: Please supply a valid list of nodes"

// registerNodes is the tutorial's POST /nodes/register. The list is a directory
// for clients and nothing else: anybody may add to it, so nothing here or behind
// register ever sends a request to a node because it stands there.
func (s *server) registerNodes(register func(ctx context.Context, nodes []string) (all []string, err error)) handler {
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
		ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.WriteTimeout)
		defer cancel()
		all, err := register(ctx, nodes)
		if err != nil {
			return nodesError(err)
		}
		w.out = appendText(append(w.out, '{'), "message", "New nodes have been added")
		w.out = appendList(w.out, "total_nodes", all)
		s.sendJSON(c, http.StatusCreated, append(w.out, "}\n"...))
		return nil
	}
}

// nodesError adds what to do about an unknown outcome: nodes are a set.
func nodesError(err error) error {
	if err = writeError(err, nil); errors.Is(err, ErrOutcomeUnknown) {
		return withDetail(err, "The nodes may have been added: send the same list again")
	}
	return err
}

// getNodes is GET /v1/nodes: {"items":[ … ]}, sorted.
func (s *server) getNodes(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendList(append(w.out, '{'), "items", s.read.Nodes())
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
	for i, value := range slices.Sorted(slices.Values(values)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = pyjson.AppendString(dst, value)
	}
	return append(dst, ']')
}
