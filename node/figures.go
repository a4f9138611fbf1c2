package node

import (
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/node/metrics"
	"github.com/bpsc/bpsc/witness"
)

// figures is what GET /metrics answers with: what all nodes show, and more.
func (s *service) figures(kind string, ready func() error, more ...prometheus.Collector) http.Handler {
	all := []prometheus.Collector{metrics.Node(kind, s.common.Version, ready), metrics.Disk(s.fence), metrics.Certificates(s.expiries), s.measured}
	return metrics.Handler(slices.Concat(all, more, s.common.Collectors)...)
}

// expiries are when the certificates in use end, by what they are for; zero for clients'
// where they are served without.
func (s *service) expiries() map[string]time.Time {
	ends := map[string]time.Time{"api": {}}
	for _, c := range s.Certificates() {
		ends[c.Use] = c.NotAfter
	}
	return ends
}

func (m *Member) figures(problems prometheus.Collector) http.Handler {
	evidence := Evidence{policies: m.policies()}
	covered := func(token string) uint64 {
		_, size, _, err := evidence.checkpoint(token)
		if err != nil {
			return 0 // there is none yet
		}
		return size
	}
	var witnesses []string
	for _, w := range m.cfg.Witnesses {
		witnesses = append(witnesses, w.Name)
	}
	snapshots := filepath.Join(m.path(folder.Raft), "snapshots")
	return m.service.figures("member", m.Ready, problems,
		metrics.Chains(m.store, func() metrics.Covered { return covered }, witnesses...),
		metrics.Ledger(m.store), metrics.Member(m.cluster), metrics.Members(m.cluster),
		metrics.Rebuilds(m.rebuilt), metrics.Recovery(metrics.Copies{
			Snapshots: func() (int, time.Time) { return snapshotsIn(snapshots) },
			Backup:    m.backedUp.get,
		}))
}

func (f *Follower) figures(problems prometheus.Collector) http.Handler {
	return f.service.figures("follower", f.Ready, problems, metrics.Chains(f.store, metrics.Verified(f.sync)), metrics.Follow(f.sync), metrics.Rebuilds(f.rebuilt))
}

func (w *Witness) figures(of *witness.Witness, ready func() error) http.Handler {
	return w.service.figures("witness", ready, metrics.Witness(of))
}

// moment is a time that one goroutine notes and others read. The zero value is of
// never.
type moment struct{ micros atomic.Int64 }

func (m *moment) set(at time.Time) { m.micros.Store(at.UnixMicro()) }

func (m *moment) get() time.Time {
	if at := m.micros.Load(); at != 0 {
		return time.UnixMicro(at)
	}
	return time.Time{}
}
