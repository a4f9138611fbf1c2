package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/store"
)

// member is one of the cluster, from its first start on; each process that it has is a
// life. All of it is the world's.
type member struct {
	cluster *simulation
	number  int
	name    string
	life    *life // nil: none has begun, or it is down
	lives   int
	folder  string            // of its log, vote and memory, on the real disk
	files   *vfs.MemFS        // of its state
	clock   atomic.Int64      // what its wall clock is off by, in microseconds
	rot     *flip             // a bit of its files that has flipped, while that lasts
	lied    *lied             // its disk has lied, likewise
	who     identity.Identity // what the cluster knows it by, as far as it has said so
	joins   bool              // it is to be added, or was
	absent  bool              // it has not been added yet, or was removed and knows it
	removed bool
}

// life is one process.
type life struct {
	member    *member
	number    int
	began     time.Duration
	node      *cluster.Member
	store     *store.Store
	disk      *logDisk
	web       *web // nil: it has none
	folder    string
	ended     atomic.Bool
	opened    chan struct{} // closed when it has started, or has not
	ready     atomic.Bool   // it has
	excused   bool          // a fault of its disk may end it; the world's
	rotten    bool          // a bit of its files has flipped, and may end it; likewise
	led       bool          // it led when it was last looked at; likewise
	stuck     atomic.Bool   // its store goes no further
	broken    atomic.Pointer[error]
	attesting sync.WaitGroup
	noMore    context.CancelFunc // attestations; nil: none begin
}

func (l *life) over() bool { return l.ended.Load() }

func (l *life) String() string { return fmt.Sprintf("%s.%d", l.member.name, l.number) }

// fatal is what a process ends with.
func (l *life) fatal(err error) {
	if !l.over() {
		l.broken.CompareAndSwap(nil, &err)
	}
}

const (
	// Small, so that a minute has many of what a day has otherwise.
	layerBytes  = 24 << 10
	filterBytes = 16 << 10
	cacheBytes  = 1 << 20
)

// config is how members are configured: as they are by default, but for sizes.
func (m *member) config(l *life) cluster.Config {
	c := cluster.DefaultConfig()
	c.ID, c.Bind, c.Dir = m.name, address(m.number), l.folder
	c.Join = m.joins
	for i := range m.cluster.plan.Members {
		if !m.joins {
			c.Peers = append(c.Peers, roster.Peer{ID: memberName(i), Addr: address(i)})
		}
	}
	c.Removed = func(who identity.Identity) bool { return l.store.Removed(string(who)) }
	c.Departed, c.Settled = l.store.Departed, l.store.Endorsed
	c.MayVote = func(who identity.Identity) bool { return l.store.KeyKnown(string(who)) }
	c.Logger = m.cluster.logger.With("m", l.String())
	c.Fatal = l.fatal
	c.SnapshotInterval = time.Hour
	if t := m.cluster.plan.Trailing; t > 0 {
		c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs = time.Second, uint64(t), uint64(t)
	}
	return c
}

// start begins a life, in a goroutine of its own.
func (m *member) start() {
	m.lives++
	l := &life{member: m, number: m.lives, began: m.cluster.world.since(), folder: m.folder, opened: make(chan struct{})}
	l.rotten = m.rot != nil
	m.life = l
	s := m.cluster
	ln := newListener(address(m.number), l)
	s.net.hosts[m.number].listener = ln
	s.net.hosts[m.number].powered = true
	files := m.files
	s.net.mend()
	s.running.Go(func() {
		defer close(l.opened)
		if err := l.open(ln, files); err != nil {
			l.fatal(fmt.Errorf("it does not start: %w", err))
			return
		}
		l.ready.Store(true)
	})
}

func (l *life) open(ln *listener, files *vfs.MemFS) (err error) {
	m := l.member
	log := m.cluster.logger.With("m", l.String())
	l.store, err = store.Open(store.Config{
		Dir: "state", FS: newFiles(files), Logger: log, Fatal: l.stop,
		LayerBytes: layerBytes, FilterBytes: filterBytes, MaxFilterBytes: filterBytes, CacheBytes: cacheBytes,
	})
	if err != nil {
		return err
	}
	cfg := m.config(l)
	cfg = cfg.Within(cluster.Surroundings{
		Listener: ln,
		Dial:     m.cluster.net.dialer(m.number, l),
		Wall:     func(at time.Time) int64 { return at.UnixMicro() + m.clock.Load() },
		LogDisk: func(s raft.LogStore) raft.LogStore {
			l.disk = &logDisk{LogStore: s, world: m.cluster.world, name: "disk " + l.String()}
			return l.disk
		},
	})
	l.node, err = cluster.Open(cfg, fsm.New(l.store))
	if err != nil {
		return err
	}
	if m.cluster.plan.Followers > 0 {
		if err := l.serves(); err != nil {
			return err
		}
	}
	if !m.cluster.plan.Attests {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.noMore = cancel
	if m.joins {
		l.attesting.Go(func() { l.introduces(ctx) })
	}
	return l.attests(ctx)
}

// stop is the end of a process by its store, which goes no further. Whoever has found the
// damage ends here, and lets go of what it holds: it would be in the way of the others' end.
func (l *life) stop(err error) {
	l.stuck.Store(true)
	l.fatal(err)
	runtime.Goexit()
}

// requests is the way into the log of this life.
func (l *life) requests() command.Requester {
	return func(ctx context.Context, requests [][]byte) []command.Result {
		results := l.node.Propose(ctx, requests)
		answers := make([]command.Result, len(results))
		for i, r := range results {
			answers[i] = command.Result(r)
		}
		return answers
	}
}

// kill ends a life at once: nothing that it does from now on is seen by anybody. What is
// on its disks is copied for the next one. Where power fails, what was not synced is there
// or not.
func (m *member) kill(power bool) error {
	l, s := m.life, m.cluster
	s.remember(l)
	m.life = nil
	l.ended.Store(true)
	s.net.dropAll(m.number, l, !power)
	if power {
		s.net.hosts[m.number].powered = false
	}
	r := s.world.draw("kill "+l.String(), 0)
	clone := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: r}
	if power {
		clone.UnsyncedDataPercent = []int{0, 50, 90}[r.IntN(3)]
	}
	m.files = m.files.CrashClone(clone)
	m.folder = s.newFolder(m.name, m.lives+1)
	how := "it had not begun"
	var err error
	if l.disk != nil {
		how, err = l.disk.kill(l.folder, m.folder, power, r)
	} else {
		err = copyFolder(l.folder, m.folder)
	}
	s.world.trace.tell(s.world.since(), l.String(), "killed; "+how)
	s.reach("killed; " + how)
	s.bury(l)
	return err
}

// bury has what is left of a life end in peace.
func (s *simulation) bury(l *life) {
	s.running.Go(func() {
		<-l.opened
		at, cancel := context.WithCancel(context.Background())
		cancel()
		if l.noMore != nil {
			l.noMore()
			l.attesting.Wait()
		}
		if l.web != nil {
			l.web.end(at)
		}
		if l.node != nil {
			_ = l.node.Shutdown(at) // it complains about what was under way
		}
		if l.store != nil {
			_ = l.store.Abandon()
		}
		_ = os.RemoveAll(l.folder)
	})
}

// newFolder is where a life's files are.
func (s *simulation) newFolder(name string, life int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s.%d", name, life))
}
