package raftlog

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
)

// faultyStore is a log in memory that fails or hangs on demand.
type faultyStore struct {
	*raft.InmemStore
	err  error
	hang chan struct{}
}

func (s *faultyStore) StoreLogs(logs []*raft.Log) error {
	if s.hang != nil {
		<-s.hang
	}
	if s.err != nil {
		return s.err
	}
	return s.InmemStore.StoreLogs(logs)
}

func (s *faultyStore) DeleteRange(min, max uint64) error {
	if s.hang != nil {
		<-s.hang
	}
	if s.err != nil {
		return s.err
	}
	return s.InmemStore.DeleteRange(min, max)
}

func (s *faultyStore) Set(key, value []byte) error {
	if s.hang != nil {
		<-s.hang
	}
	if s.err != nil {
		return s.err
	}
	return s.InmemStore.Set(key, value)
}

// patience is how long a test waits for something that should happen.
const patience = 20 * time.Second

// fakeMemory knows that so many entries are committed.
type fakeMemory uint64

func (m *fakeMemory) Committed() uint64 { return uint64(*m) }
func (*fakeMemory) Changed()            {}

func noSnapshot() (index, term uint64) { return 0, 0 }

// guards is a store behind its guards, with what was fatal.
type guards struct {
	log   *Log
	votes *Votes
	fatal chan error
}

func newGuards(t *testing.T, store *faultyStore, limit time.Duration) guards {
	t.Helper()
	g := guards{fatal: make(chan error, 10)}
	report := func(err error) { g.fatal <- err }
	clock := health.NewRunClock(limit / 40)
	fit := health.NewFitness(slog.New(slog.DiscardHandler), time.Second)
	watch := health.NewWatchdog(limit, clock, fit, report)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { clock.Run(ctx, watch.Check) })
	t.Cleanup(func() { cancel(); running.Wait() })
	g.log = &Log{LogStore: store, Path: "raft.db", Watch: watch, Fatal: report, Memory: new(fakeMemory), Snapshot: noSnapshot, Configurations: NewConfigurations(nil)}
	g.votes = &Votes{StableStore: store, Watch: watch, Fatal: report}
	return g
}

func (g guards) wantFatal(t *testing.T, text string) {
	t.Helper()
	select {
	case err := <-g.fatal:
		if !strings.Contains(err.Error(), text) {
			t.Errorf("fatal: %v, want %q", err, text)
		}
	case <-time.After(patience):
		t.Fatal("it was not fatal")
	}
}

// each calls f for every kind of write.
func (g guards) each(t *testing.T, f func(t *testing.T, write func() error)) {
	for name, write := range map[string]func() error{
		"StoreLogs":   func() error { return g.log.StoreLogs([]*raft.Log{{Index: 1}}) },
		"StoreLog":    func() error { return g.log.StoreLog(&raft.Log{Index: 1}) },
		"DeleteRange": func() error { return g.log.DeleteRange(1, 1) },
		"Set":         func() error { return g.votes.Set([]byte("LastVoteCand"), []byte("a")) },
	} {
		t.Run(name, func(t *testing.T) { f(t, write) })
	}
}

// hashicorp/raft#503: a leader whose disk hangs keeps the others quiet, so a
// hanging write must end the process.
func TestHangingDiskIsFatal(t *testing.T) {
	for _, kind := range []string{"StoreLogs", "DeleteRange", "Set"} {
		t.Run(kind, func(t *testing.T) {
			store := &faultyStore{InmemStore: raft.NewInmemStore(), hang: make(chan struct{})}
			g := newGuards(t, store, 20*time.Millisecond)
			var writing sync.WaitGroup
			writing.Go(func() {
				switch kind {
				case "StoreLogs":
					g.log.StoreLogs([]*raft.Log{{Index: 1}})
				case "DeleteRange":
					g.log.DeleteRange(1, 1)
				case "Set":
					g.votes.Set([]byte("LastVoteCand"), []byte("a"))
				}
			})
			g.wantFatal(t, "the disk hangs")
			close(store.hang)
			writing.Wait()
		})
	}
}

// An fsync that failed cannot be repeated.
func TestFailingWriteIsFatal(t *testing.T) {
	broken := errors.New("broken disk")
	g := newGuards(t, &faultyStore{InmemStore: raft.NewInmemStore(), err: broken}, time.Minute)
	g.each(t, func(t *testing.T, write func() error) {
		if err := write(); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		g.wantFatal(t, "broken disk")
	})
}

func TestSoundWritesAreNotFatal(t *testing.T) {
	g := newGuards(t, &faultyStore{InmemStore: raft.NewInmemStore()}, time.Minute)
	g.each(t, func(t *testing.T, write func() error) {
		if err := write(); err != nil {
			t.Error(err)
		}
	})
	if len(g.fatal) != 0 {
		t.Errorf("fatal: %v", <-g.fatal)
	}
}

// An entry that is not as it was written must neither be applied nor sent on.
func TestDamagedEntryIsFatal(t *testing.T) {
	store := &faultyStore{InmemStore: raft.NewInmemStore()}
	g := newGuards(t, store, time.Minute)
	if err := g.log.StoreLogs([]*raft.Log{
		{Index: 1, Term: 3, Data: []byte("data"), Extensions: []byte("extension")},
		{Index: 2, Term: 3, Type: raft.LogNoop},
	}); err != nil {
		t.Fatal(err)
	}
	var l raft.Log
	if err := g.log.GetLog(1, &l); err != nil || string(l.Extensions) != "extension" || string(l.Data) != "data" {
		t.Errorf("a sound entry: %+v, %v", l, err)
	}
	for name, spoil := range map[string]func(*raft.Log){
		"data":       func(l *raft.Log) { l.Data = []byte("date") },
		"extensions": func(l *raft.Log) { l.Extensions[0]++ },
		"checksum":   func(l *raft.Log) { l.Extensions = nil },
		"type":       func(l *raft.Log) { l.Type = raft.LogBarrier },
		"term":       func(l *raft.Log) { l.Term++ },
		"index":      func(l *raft.Log) { l.Index = 2 },
	} {
		var good raft.Log
		if err := store.GetLog(1, &good); err != nil {
			t.Fatal(err)
		}
		bad := good
		bad.Extensions = slices.Clone(good.Extensions)
		spoil(&bad)
		at := bad.Index
		bad.Index = 1
		store.InmemStore.StoreLogs([]*raft.Log{&bad})
		bad.Index = at
		if err := g.log.GetLog(1, &l); err == nil {
			t.Fatalf("%s: it is taken for sound", name)
		}
		g.wantFatal(t, "raft.db")
		if err := store.InmemStore.StoreLogs([]*raft.Log{&good}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.log.GetLog(2, &l); err != nil {
		t.Errorf("an entry of raft's own: %v", err)
	}
	if err := g.log.GetLog(9, &l); err != raft.ErrLogNotFound { //nolint:errorlint // raft compares like this
		t.Errorf("a missing entry: %v", err)
	}
	if len(g.fatal) != 0 {
		t.Errorf("fatal: %v", <-g.fatal)
	}
}

// hashicorp/raft cuts the end of a log off wherever a leader has other entries.
// Up to what is known to be committed that is a second history, after a crash
// too; beyond, and at the beginning of the log, it is how raft works.
func TestCommittedEntriesAreNotCutOff(t *testing.T) {
	store := &faultyStore{InmemStore: raft.NewInmemStore()}
	g := newGuards(t, store, time.Minute)
	committed := new(fakeMemory)
	g.log.Memory = committed
	for i := range uint64(10) {
		*committed = fakeMemory(i / 2) // half of what was written before
		if err := g.log.StoreLog(&raft.Log{Index: i + 1, Term: 1}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := g.log.Committed() // a crash
	if after != 4 || err != nil {
		t.Fatalf("committed: %d, %v", after, err)
	}
	*committed = fakeMemory(after)
	for _, r := range [][2]uint64{{1, 2}, {7, 10}, {5, 6}} {
		if err := g.log.DeleteRange(r[0], r[1]); err != nil {
			t.Errorf("%v: %v", r, err)
		}
	}
	if len(g.fatal) != 0 {
		t.Errorf("fatal: %v", <-g.fatal)
	}
	if err := g.log.DeleteRange(4, 4); !errors.Is(err, datadir.ErrDiverged) {
		t.Errorf("it lets a committed entry go: %v", err)
	}
	g.wantFatal(t, "from 4 on")
	if last, err := g.log.LastIndex(); last != 4 || err != nil {
		t.Errorf("the log ends with %d, %v", last, err)
	}
}

// Settings on which safety depends.
func TestBoltOptions(t *testing.T) {
	if o := boltOptions(); o.NoSync || o.NoGrowSync || !o.NoFreelistSync || o.Timeout == 0 {
		t.Errorf("%v", o)
	}
}
