package node

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/diskspace"
)

// defaultCommon is what each kind of node is told by default.
func defaultCommon(listen string) Common {
	return Common{Listen: listen, MinFree: diskspace.Default()}
}

// newFence watches a node's folder and folders in it.
func newFence(cfg Common, log *slog.Logger, folders []string) *diskspace.Fence {
	dirs := []string{cfg.Data}
	for _, name := range folders {
		dirs = append(dirs, filepath.Join(cfg.Data, name))
	}
	return diskspace.NewFence(cfg.MinFree, log, dirs...)
}

// room is the disk as the cluster sees it.
func (m *Member) room() cluster.Room {
	s := m.fence.Space()
	r := cluster.Room{Free: s.Free, Reserve: s.Reserve, None: s.None}
	if s.Short {
		r.Short = s.String()
	}
	return r
}

// unless refuses what clients write while there is a reason to: no room for it, or
// something that the log has to say first. What the cluster itself puts into the log,
// and what operators do about the full disk, is not asked here.
func unless(reason func() error, write command.Requester) command.Requester {
	return func(ctx context.Context, requests [][]byte) []command.Result {
		err := reason()
		if err == nil {
			return write(ctx, requests)
		}
		results := make([]command.Result, len(requests))
		for i := range results {
			results[i].Err = err
		}
		return results
	}
}

// waitingLedger takes new blocks while there is room, and waits for room until the
// node stops.
type waitingLedger struct {
	chainsync.Ledger
	node *service
}

// Adopt implements chainsync.Ledger.
func (l waitingLedger) Adopt(token string, blocks []chain.Checked) (adopted int, err error) {
	if err := l.node.fence.Await(l.node.ctx); err != nil {
		return 0, err
	}
	defer l.node.underWay.begin("taking blocks of " + token)()
	return l.Ledger.Adopt(token, blocks)
}

// readOnlyWhileShort refuses what a handler would have to write down while there is
// no room for it.
func readOnlyWhileShort(handler http.Handler, fence *diskspace.Fence) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fence.Err(); err != nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Retry-After", "1")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	})
}
