package chainsync

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// reader is a follower's store as its API reads it.
type reader struct{ *store.Store }

func (r reader) Time(token string) chain.Micros {
	info, _ := r.Contract(token)
	return info.TipTimestamp
}

func (r reader) AccountAt(token, name string, block uint64) (chain.Account, error) {
	return fsm.AccountAt(r.Store, token, name, block)
}

// served is what the API asks of the node.
type served struct {
	api.Node
	*node
}

func (served) LastContact() time.Duration { return 0 }

// LogHashes is the store's.
func (s served) LogHashes(token string) tlog.HashReader { return s.store.LogHashes(token) }

// serveNode starts the API of a follower.
func serveNode(t *testing.T, n *node) *httptest.Server {
	t.Helper()
	handler, err := api.NewFollower(api.DefaultConfig(), reader{n.store}, served{node: n}, nil, nil, served{node: n})
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// A follower is as good an upstream as a member, behind the API itself.
func TestFollowsAFollower(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 300)
	c.create("oka", 20)
	up := serve(t, c, "aka", "oka")
	near := startNode(t, Source{Upstreams: []string{up.URL}})
	server := serveNode(t, near)
	far := startNode(t, Source{Upstreams: []string{server.URL}})
	far.has("aka", c.blocks("aka"))
	far.has("oka", c.blocks("oka"))
	for range 3 {
		c.grow("aka", 1)
		up.put("aka", c.blocks("aka"))
		far.has("aka", c.blocks("aka"))
	}
	far.until("ready", far.Ready)
	require.Empty(t, far.evidenceFiles())
}
