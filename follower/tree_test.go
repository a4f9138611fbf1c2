package follower

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/store"
)

// reader is a follower's store as its API reads it.
type reader struct{ *store.Store }

func (r reader) Time(token string) int64 {
	info, _ := r.Contract(token)
	return info.TipTimestamp
}

// served is what the API asks of the node.
type served struct {
	api.Node
	*node
}

func (served) LastContact() time.Duration { return 0 }

// A follower is as good an upstream as a member, behind the API itself.
func TestFollowsAFollower(t *testing.T) {
	c := newCluster(t)
	c.create("aka", 300)
	c.create("oka", 20)
	up := serve(t, c, "aka", "oka")
	near := startNode(t, Source{Upstreams: []string{up.URL}})
	handler, err := api.NewFollower(api.DefaultConfig(), reader{near.store}, served{node: near}, nil, nil)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
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
