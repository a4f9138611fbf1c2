package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/internal/nodelist"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// fakeNode is a node outside the cluster as simply as can be: its chains are a
// fake's, its upstream is a handler.
type fakeNode struct {
	pull     func(ctx context.Context) error
	pulled   int
	unready  error
	unlooked error
	nodes    nodelist.List
	status   any
	upstream http.Handler
	relayed  []protocol.RelayRequest
	relayErr error
	blocks   [][]byte
	pending  [][]byte
}

// newFakeNode has a personal chain of one block.
func newFakeNode() *fakeNode {
	n := &fakeNode{}
	_, _ = n.Forge()
	return n
}

func (n *fakeNode) Ready() error                         { return n.unready }
func (n *fakeNode) LastContact() time.Duration           { return 34 * time.Millisecond }
func (n *fakeNode) Lookup(context.Context, string) error { return n.unlooked }

func (n *fakeNode) Sync() any { return n.status }

func (n *fakeNode) Pull(ctx context.Context, _ string) error {
	n.pulled++
	if n.pull == nil {
		return nil
	}
	return n.pull(ctx)
}

func (n *fakeNode) Register(nodes []string, from string) error {
	for _, node := range nodes {
		n.nodes.Add(node, from)
	}
	return nil
}

func (n *fakeNode) Remove(node string) error {
	if !n.nodes.Remove(node) {
		return chain.NotFound
	}
	return nil
}

func (n *fakeNode) Add(information []byte) (uint64, error) {
	if len(n.pending) == 3 {
		return 0, fmt.Errorf("%w: 3 waiting", outcome.PersonalFull)
	}
	text, err := pyjson.Canonical(append(append([]byte(`{"information": `), information...), '}'))
	if err != nil {
		return 0, err
	}
	n.pending = append(n.pending, text)
	return uint64(len(n.blocks)) + 1, nil
}

func (n *fakeNode) Forge() (PersonalBlock, error) {
	b := PersonalBlock{Index: uint64(len(n.blocks)) + 1, PreviousHash: chain.GenesisPrevious}
	b.Information = slices.Concat([]byte("["), bytes.Join(n.pending, []byte(", ")), []byte("]"))
	if len(n.blocks) > 0 {
		b.PreviousHash = chain.HashBytes(n.blocks[len(n.blocks)-1]).String()
	}
	n.pending = nil
	n.blocks = append(n.blocks, fmt.Appendf(nil, `{"index2": %d, "information": %s, "previous_hash": "%s", "timestamp": 1795364515.0}`,
		b.Index, b.Information, b.PreviousHash))
	return b, nil
}

func (n *fakeNode) Length() uint64 { return uint64(len(n.blocks)) }

func (n *fakeNode) Blocks(from, limit uint64, yield func(uint64, []byte) error) error {
	for i := from; i < from+limit; i++ {
		if err := yield(i, n.blocks[i-1]); err != nil {
			return err
		}
	}
	return nil
}

func (n *fakeNode) Do(_ context.Context, q protocol.RelayRequest) (protocol.RelayAnswer, error) {
	n.relayed = append(n.relayed, q)
	if n.relayErr != nil {
		return protocol.RelayAnswer{}, n.relayErr
	}
	method := http.MethodPost
	if q.Read {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, q.Path+"?"+q.RawQuery, bytes.NewReader(q.Body))
	r.Header = q.Header.Clone()
	for _, own := range []string{"Origin", "Referer", "Sec-Fetch-Site"} {
		r.Header.Del(own) // a relay does not pass on what is about the client's connection
	}
	rec := httptest.NewRecorder()
	n.upstream.ServeHTTP(rec, r)
	return protocol.RelayAnswer{Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes()}, nil
}

// directory is a fake whose nodes are those of a follower's own list.
type directory struct {
	*fake
	node *fakeNode
}

func (d directory) Nodes(after string, limit int) ([]string, int) {
	return d.node.nodes.Page(after, limit), d.node.nodes.Len()
}

// newFollower serves what the fake has as a follower whose relay leads to a
// member with the same.
func newFollower(t testing.TB, f *fake, n *fakeNode) http.Handler {
	t.Helper()
	return newFollowerWith(t, DefaultConfig(), f, n)
}

func newFollowerWith(t testing.TB, cfg Config, f *fake, n *fakeNode) http.Handler {
	t.Helper()
	if n.upstream == nil {
		n.upstream = newHandler(t, f)
	}
	cfg.Hosts = []string{"example.com"}
	h, err := NewFollower(cfg, directory{f, n}, n, n, n, f)
	require.NoError(t, err)
	return conforming(t, h)
}
