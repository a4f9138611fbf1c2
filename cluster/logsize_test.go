package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/cluster/queue"
)

// Large entries fill a log of few entries: it is cut by bytes long before raft would
// cut it, on every member, and who was away meanwhile gets a snapshot.
func TestTheLogIsBoundedInBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads whole logs: under the race detector that is dear")
	}
	t.Parallel()
	c := newTestCluster(t, 3)
	c.tune = func(_ int, cfg *Config) { cfg.LogBytes = minLogBytes } // no snapshot but by bytes
	for i := range 3 {
		c.start(i)
	}
	leader := c.leader()
	away := c.other(leader)
	c.mustPropose(leader, "first")
	c.stop(away)
	large := strings.Repeat("x", queue.MaxRequestBytes-10)
	for i := range 40 {
		c.mustPropose(c.leader(), fmt.Sprintf("%d%s", i, large))
	}
	bounded := func() bool {
		for _, m := range c.members {
			if m != nil && m.LogBytes() > minLogBytes {
				return false
			}
		}
		return true
	}
	waitFor(t, "logs within their bound", bounded)
	c.start(away)
	if got := len(c.sameHistory()); got < 41 {
		t.Errorf("%d requests were applied", got)
	}
	waitFor(t, "logs within their bound", bounded)
	for i := range 3 { // and small ones count as before
		c.mustPropose(i, "small")
	}
}
