package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/store"
)

// follower is a node outside of the cluster that keeps copies of its chains: the real
// chainsync on a store of its own, which asks members by HTTP. Each process that it has is
// a following. All of it is the world's but for its copies.
type follower struct {
	sim    *simulation
	host   int
	name   string
	life   *following // nil: it is down
	lives  int
	folder string
	files  *vfs.MemFS
	copies copies
}

// following is one process.
type following struct {
	follower *follower
	number   int
	folder   string
	store    *store.Store
	sync     *chainsync.Syncer
	ended    atomic.Bool
	opened   chan struct{} // closed when it has started, or has not
	ready    atomic.Bool   // it has
	broken   atomic.Pointer[error]
	syncs    atomic.Uint64
	stop     context.CancelFunc
	running  sync.WaitGroup
}

func (l *following) over() bool { return l.ended.Load() }

func (l *following) String() string { return fmt.Sprintf("%s.%d", l.follower.name, l.number) }

// fatal is what a process ends with.
func (l *following) fatal(err error) {
	if !l.over() {
		l.broken.CompareAndSwap(nil, &err)
	}
}

func followerName(i int) string { return fmt.Sprintf("f%d", i+1) }

// start begins a life, in a goroutine of its own.
func (f *follower) start() {
	if f.life != nil || f.sim.closed {
		return
	}
	f.lives++
	l := &following{follower: f, number: f.lives, folder: f.folder, opened: make(chan struct{})}
	f.life = l
	s := f.sim
	s.net.hosts[f.host].powered = true
	files := f.files
	s.net.mend()
	s.running.Go(func() {
		defer close(l.opened)
		if err := l.open(files); err != nil {
			l.fatal(fmt.Errorf("it does not start: %w", err))
			return
		}
		l.ready.Store(true)
	})
}

func (l *following) open(files *vfs.MemFS) (err error) {
	f := l.follower
	if err := os.MkdirAll(l.folder, 0o700); err != nil {
		return err
	}
	l.store, err = store.Open(store.Config{
		Dir: "state", FS: newFiles(files), Log: true, Logger: f.sim.logger.With("m", l.String()), Fatal: l.damaged,
		LayerBytes: 2 * layerBytes, FilterBytes: filterBytes, MaxFilterBytes: filterBytes, CacheBytes: cacheBytes,
	})
	if err != nil {
		return err
	}
	for _, c := range f.sim.contracts() {
		f.copies.note(copied{what: began, token: c.Token, index: l.length(c.Token)})
	}
	l.sync, err = chainsync.New(f.config(l), ledgerOf{chainsync.StoreLedger(l.store), l})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.running.Go(func() {
		if err := l.sync.Run(ctx); ctx.Err() == nil {
			l.fatal(fmt.Errorf("it follows no more: %w", err))
		}
	})
	return nil
}

// damaged is the end of a process by its store.
func (l *following) damaged(err error) {
	l.fatal(err)
	runtime.Goexit()
}

// config is how followers are configured: as they are by default. Each goes to all members,
// in an order of its own.
func (f *follower) config(l *following) chainsync.Config {
	s := f.sim
	cfg := chainsync.DefaultConfig()
	first := s.world.draw(f.name, 0).IntN(s.plan.Members)
	var source chainsync.Source
	for i := range s.plan.Members {
		source.Upstreams = append(source.Upstreams, "http://"+webAddress((first+i)%s.plan.Members))
	}
	cfg.Sources = []chainsync.Source{source}
	path := func(name string) string { return filepath.Join(l.folder, name) }
	cfg.Evidence, cfg.Known, cfg.Checkpoints = path("evidence"), path("known.json"), path("checkpoints")
	if s.plan.Attests {
		cfg.PolicyDir = path("policies")
	}
	cfg.Logger = s.logger.With("m", l.String())
	var mu sync.Mutex
	pauses := s.world.draw("pauses "+l.String(), 0)
	return cfg.Within(chainsync.Surroundings{
		Dial: s.net.dialer(f.host, l),
		Draw: func(less time.Duration) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(pauses.Int64N(int64(less)))
		},
	})
}

// length is how many blocks of a chain it has.
func (l *following) length(token string) uint64 {
	info, err := l.store.Contract(token)
	if err != nil {
		return 0
	}
	return info.Length
}

// ledgerOf is a follower's ledger. What it takes, and what it says that power will not take
// from it, is noted; that it says so takes a time.
type ledgerOf struct {
	chainsync.Ledger
	life *following
}

// Adopt implements chainsync.Ledger.
func (l ledgerOf) Adopt(token string, blocks []chain.Checked) (int, error) {
	n, err := l.Ledger.Adopt(token, blocks)
	for _, b := range blocks[:n] {
		if !l.life.over() {
			l.life.follower.copies.note(copied{what: took, token: token, index: b.Block.Index, hash: b.Hash})
		}
	}
	return n, err
}

// Sync implements chainsync.Ledger.
func (l ledgerOf) Sync(ctx context.Context) error {
	world, who, n, written := l.life.follower.sim.world, "disk "+l.life.String(), l.life.syncs.Add(1), make(chan struct{})
	world.post(step{kind: "writes of followers", who: who, n: n, delay: func() time.Duration { return syncTime(world.draw(who, n)) }, what: "sync", do: func() { close(written) }})
	select {
	case <-written:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var has []copied
	for _, c := range l.life.follower.sim.contracts() {
		has = append(has, copied{what: kept, token: c.Token, index: l.life.length(c.Token)})
	}
	if err := l.Ledger.Sync(ctx); err != nil {
		return err
	}
	for _, h := range has {
		if !l.life.over() {
			l.life.follower.copies.note(h)
		}
	}
	return nil
}

func syncTime(r *rand.Rand) time.Duration {
	d := 50*time.Microsecond + time.Duration(r.Int64N(int64(time.Millisecond)))
	if r.IntN(10) == 0 {
		d += time.Duration(r.Int64N(int64(300 * time.Millisecond)))
	}
	return d
}

// kill ends a life at once, as member.kill does.
func (f *follower) kill(power bool) error {
	l, s := f.life, f.sim
	if l == nil {
		return nil
	}
	f.judge()
	f.life = nil
	l.ended.Store(true)
	s.net.dropAll(f.host, l, !power)
	r := s.world.draw("kill "+l.String(), 0)
	clone := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: r}
	if power {
		s.net.hosts[f.host].powered = false
		clone.UnsyncedDataPercent = []int{0, 50, 90}[r.IntN(3)]
	}
	f.files = f.files.CrashClone(clone)
	f.folder = s.newFolder(f.name, f.lives+1)
	err := copyFolder(l.folder, f.folder)
	s.world.trace.tell(s.world.since(), l.String(), "killed")
	s.reach("a follower is killed")
	f.bury(l)
	return err
}

// bury has what is left of a life end in peace.
func (f *follower) bury(l *following) {
	f.sim.running.Go(func() {
		<-l.opened
		if l.stop != nil {
			l.stop()
			l.running.Wait()
		}
		if l.store != nil {
			_ = l.store.Abandon()
		}
		_ = os.RemoveAll(l.folder)
	})
}

// judge looks at what a life says of members, who are honest.
func (f *follower) judge() {
	if l := f.life; l != nil && l.ready.Load() {
		for _, found := range checkAccused(l.sync.Status()) {
			f.sim.fail("%s", found)
		}
	}
}

// honest are the reasons for which an answer of an honest member may not be taken.
var honest = []chainsync.Reason{chainsync.Unreachable, chainsync.BadStatus, chainsync.Truncated, chainsync.TooSlow, chainsync.Behind}

// checkAccused: members that are down, cut off, or behind are no liars.
func checkAccused(status []chainsync.ChainStatus) (found []string) {
	for _, c := range status {
		if len(c.Evidence) > 0 {
			found = append(found, fmt.Sprintf("%s: there is evidence about %s: %q", ruleAccused, c.Token, c.Evidence))
		}
		for _, why := range chainsync.Reasons() {
			if n := c.Refusals[why]; n > 0 && !slices.Contains(honest, why) {
				found = append(found, fmt.Sprintf("%s: %d answers about %s were refused as %s: %+v", ruleAccused, n, c.Token, why, c.Upstreams))
			}
		}
	}
	return found
}

// copiedAll tells whether followers have all that there is, and where members sign a
// checkpoint of all of it.
func (s *simulation) copiedAll() bool {
	for _, f := range s.followers {
		if f.life == nil || !f.life.ready.Load() {
			return false
		}
		for _, c := range s.contracts() {
			info, err := s.there()[0].life.store.Contract(c.Token)
			if err != nil || f.life.length(c.Token) != info.Length {
				return false
			}
		}
		for _, c := range f.life.sync.Status() {
			if s.plan.Attests && c.CheckpointSize != c.Length {
				return false
			}
		}
	}
	return true
}

// whyNot is what the followers say of themselves.
func (s *simulation) whyNot() (text string) {
	for _, f := range s.followers {
		if f.life == nil || !f.life.ready.Load() {
			text += f.name + " is not there; "
			continue
		}
		text += fmt.Sprintf("%s: %+v; ", f.name, f.life.sync.Status())
	}
	return text
}

// lookAtFollowers sees whether one has ended by itself.
func (s *simulation) lookAtFollowers() {
	for _, f := range s.followers {
		if l := f.life; l != nil {
			if err := l.broken.Load(); err != nil {
				s.fail("%s: %v ends: %v", ruleEnds, l, *err)
			}
		}
	}
}

// sameCopy compares what a follower has with the first member's blocks.
func (f *follower) sameCopy(end *ledger) error {
	if f.life == nil || !f.life.ready.Load() {
		return errors.New("the simulation itself: a follower is not there")
	}
	n := uint64(0)
	err := f.life.store.Blocks(end.token, 1, 0, func(index uint64, canonical []byte) error {
		n = index
		if index > uint64(len(end.blocks)) || string(canonical) != string(end.blocks[index-1]) {
			return fmt.Errorf("%s: block %d of %s of %s is not the members'", ruleCopies, index, end.token, f.name)
		}
		return nil
	})
	if err == nil && n != uint64(len(end.blocks)) {
		err = fmt.Errorf("%s: %s has %d blocks of %s, and there are %d", ruleCopies, f.name, n, end.token, len(end.blocks))
	}
	return err
}
