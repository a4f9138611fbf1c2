package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/replica"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/latency"
	"github.com/bpsc/bpsc/internal/votefile"
)

// storage is all that a member has on disk, open and found sound.
type storage struct {
	dir       *datadir.Dir
	log       raftlog.Store
	ahead     *raftlog.Ahead
	logs      raft.LogStore // a cache of ahead
	votes     raft.StableStore
	snapshots *snapshot.Store
	memory    *memory.Memory
	members   *raftlog.Configurations
	term      uint64            // current, as the vote file says
	took      latency.Histogram // writes to the log
}

// openStorage locks and opens the data directory, or says what is wrong with it
// and leaves it as it is.
func openStorage(cfg Config, watch *health.Watchdog, fatal func(error)) (_ *storage, err error) {
	s := &storage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = datadir.Open(cfg.Dir, cfg.ID); err != nil {
		return nil, err
	}
	votePath := s.dir.Path(datadir.VoteFile)
	votes, err := votefile.Open(votePath)
	if err != nil {
		return nil, datadir.Damaged(votePath, err)
	}
	if s.snapshots, err = snapshot.Open(s.dir.Path(datadir.SnapshotsDir)); err != nil {
		return nil, err
	}
	if s.memory, err = memory.Open(cfg.Dir, watch, fatal); err != nil {
		return nil, err
	}
	newest, there := s.snapshots.Newest()
	s.members = raftlog.NewConfigurations(nil)
	if there {
		s.members = raftlog.NewConfigurations(&newest.SnapshotMeta)
	}
	if err := s.openLog(cfg, newest.Index); err != nil {
		return nil, err
	}
	s.votes = &raftlog.Votes{StableStore: votes, Watch: watch, Fatal: fatal}
	guarded := &raftlog.Log{
		LogStore: s.log, Path: s.logPath(), Watch: watch, Fatal: fatal, Memory: s.memory, Took: &s.took,
		Snapshot: func() (index, term uint64) {
			newest, _ := s.snapshots.Newest()
			return newest.Index, newest.Term
		},
		Configurations: s.members,
	}
	if cfg.disk != nil {
		guarded.LogStore = cfg.disk(s.log)
	}
	if err := s.recall(votes, guarded); err != nil {
		return nil, err
	}
	s.ahead = raftlog.NewAhead(guarded)
	s.logs, err = raft.NewLogCache(logCacheEntries, s.ahead)
	return s, err
}

// openLog opens the log, which it moves first where it is to be in another store than it
// is in. after is the index that the newest snapshot covers.
func (s *storage) openLog(cfg Config, after uint64) (err error) {
	is := s.dir.Identity().LogStore()
	want := is
	if cfg.LogStore != "" {
		if want, err = datadir.ParseLogStore(cfg.LogStore); err != nil {
			return err
		}
	}
	switch {
	case want == is:
	case s.dir.Fresh():
		err = s.dir.SetLogStore(want)
	default:
		err = s.moveLog(cfg, want, after)
	}
	if err != nil {
		return err
	}
	if s.log, err = raftlog.Open(want, s.logPath(), after); err != nil {
		return err
	}
	if err := durable.SyncDir(cfg.Dir); err != nil { // the name of a new one
		return err
	}
	return raftlog.Leave(s.dir)
}

func (s *storage) moveLog(cfg Config, to datadir.LogStore, after uint64) error {
	began := time.Now()
	moved, err := raftlog.Move(context.Background(), s.dir, to, after)
	if err != nil {
		return err
	}
	cfg.Logger.Info("the log was moved to another store", "from", moved.From, "to", moved.To, "entries", moved.Entries,
		"bytes", moved.Bytes, "took", time.Since(began))
	return nil
}

// logPath is where the log is.
func (s *storage) logPath() string { return s.dir.Path(s.dir.Identity().LogStore().Name()) }

// recall adds to the memory what vote and log say of this member itself.
func (s *storage) recall(votes raft.StableStore, log *raftlog.Log) error {
	term, err := votes.GetUint64([]byte("CurrentTerm"))
	if err != nil && !errors.Is(err, votefile.ErrNotFound) {
		return err
	}
	s.term = term
	commit, err := log.Committed()
	s.memory.Learn(0, commit)
	return err
}

// sum is the checksum of an entry, if it is in the log.
func (s *storage) sum(index uint64) (sum uint32, ok bool) {
	var l raft.Log
	if s.logs.GetLog(index, &l) != nil {
		return 0, false
	}
	return raftlog.Checksum(&l), true
}

// bootstrap completes a first start. A founder writes the first configuration, and as
// every one does so with the same list, they may start in any order. Who waits to be
// added has none.
func (s *storage) bootstrap(cfg Config, conf *raft.Config) (err error) {
	if !s.dir.Fresh() {
		return nil
	}
	if s.dir.Identity().Joined {
		err = s.votes.SetUint64([]byte("CurrentTerm"), 1) // as of a founder
	} else {
		err = raft.BootstrapCluster(conf, s.logs, s.votes, s.snapshots, nil, roster.Founders(cfg.Peers))
	}
	if err != nil {
		return fmt.Errorf("cluster: first start: %w", err)
	}
	return s.dir.Complete()
}

// reconcile makes sure that votes, log, snapshots and state machine belong
// together: no state that the log does not know, none that is older than the
// log's beginning, for that a snapshot mends, and no file that is older than what
// another one says of it.
func (s *storage) reconcile(r *replica.Replica) error {
	applied := r.Machine().AppliedIndex()
	if err := s.fits(applied); err != nil {
		return err
	}
	s.memory.Learn(s.term, applied)
	if newest, _ := s.snapshots.Newest(); newest.Index > applied {
		return r.RestoreFrom(s.snapshots.State(newest.ID), newest.Index)
	}
	return nil
}

// fits tells what of votes, log, snapshots and a machine that has applied so many
// entries does not belong together.
func (s *storage) fits(applied uint64) error {
	path := s.logPath()
	last, lastTerm, err := raftlog.Last(s.logs)
	if err != nil {
		return datadir.Damaged(path, err)
	}
	newest, _ := s.snapshots.Newest()
	known := max(last, newest.Index, newest.Reach)
	committed := s.memory.Committed()
	seen := max(lastTerm, newest.Term, s.memory.Term())
	switch {
	case last == 0 && newest.Index == 0 && !s.dir.Fresh() && (!s.dir.Identity().Joined || max(applied, committed) > 0):
		return datadir.Damaged(path, errors.New("it is empty"))
	case known < applied:
		return datadir.Damaged(path, fmt.Errorf("it ends with entry %d, but the state machine holds entries up to %d", known, applied))
	case known < committed && !s.dir.Fresh():
		return fmt.Errorf("cluster: %w: %s ends with entry %d, and this member had entries up to %d", ErrWentBack, path, known, committed)
	case s.term < seen && !s.dir.Fresh():
		return fmt.Errorf("cluster: %w: %s is in term %d, and this member has been in term %d",
			ErrWentBack, s.dir.Path(datadir.VoteFile), s.term, seen)
	}
	return nil
}

// close releases everything that is open.
func (s *storage) close() error {
	var errs []error
	if s.ahead != nil {
		s.ahead.Close()
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.dir != nil {
		errs = append(errs, s.dir.Close())
	}
	return errors.Join(errs...)
}
