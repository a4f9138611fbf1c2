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
)

// fakeNode is a node outside the cluster as simply as can be: its chains are a
// fake's, its upstream is a handler.
type fakeNode struct {
	pull     func(ctx context.Context) error
	pulled   int
	unready  error
	nodes    []string
	status   SyncStatus
	upstream http.Handler
	relayed  []RelayRequest
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

func (n *fakeNode) Ready() error               { return n.unready }
func (n *fakeNode) LastContact() time.Duration { return 34 * time.Millisecond }
func (n *fakeNode) Sync() SyncStatus           { return n.status }

func (n *fakeNode) Pull(ctx context.Context, _ string) error {
	n.pulled++
	if n.pull == nil {
		return nil
	}
	return n.pull(ctx)
}

func (n *fakeNode) Register(_ context.Context, nodes []string) ([]string, error) {
	n.nodes = append(n.nodes, nodes...)
	return n.nodes, nil
}

func (n *fakeNode) Add(information []byte) (uint64, error) {
	if len(n.pending) == 3 {
		return 0, fmt.Errorf("%w: 3 waiting", ErrPersonalFull)
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

func (n *fakeNode) Do(_ context.Context, q RelayRequest) (RelayAnswer, error) {
	n.relayed = append(n.relayed, q)
	if n.relayErr != nil {
		return RelayAnswer{}, n.relayErr
	}
	r := httptest.NewRequest("POST", q.Path+"?"+q.RawQuery, bytes.NewReader(q.Body))
	r.Header = q.Header
	rec := httptest.NewRecorder()
	n.upstream.ServeHTTP(rec, r)
	return RelayAnswer{Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes()}, nil
}

// newFollower serves what the fake has as a follower whose relay leads to a
// member with the same.
func newFollower(t testing.TB, f *fake, n *fakeNode) http.Handler {
	t.Helper()
	if n.upstream == nil {
		n.upstream = newHandler(t, f)
	}
	h, err := NewFollower(DefaultConfig(), f, n, n, n, f)
	require.NoError(t, err)
	return h
}
