package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/replica"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Survivor is what a member that is stopped has on its disk.
type Survivor struct {
	Identity identity.Identity
	Cluster  string
	// Last and Term are of the last entry in its log. Of several survivors the one with
	// the highest term, and of those the highest entry, has all that was final.
	Last, Term    uint64
	Commit        uint64 // the last entry that it knows to be committed
	Configuration Configuration
}

// Inspect says what a member that is stopped has, and changes nothing.
func Inspect(dir string) (Survivor, error) {
	own, found, err := datadir.ReadIdentity(dir)
	switch {
	case err != nil:
		return Survivor{}, err
	case !found || !own.Ready:
		return Survivor{}, fmt.Errorf("cluster: %s is no data directory of a member", dir)
	}
	s, _, err := openStopped(dir, own.Member)
	if err != nil {
		return Survivor{}, err
	}
	survivor, err := s.survivor()
	return survivor, errors.Join(err, s.close())
}

// Rescue makes a member that is stopped go on without those that are lost.
type Rescue struct {
	Dir, ID string
	// Members are those that go on, this one among them, each with its address.
	Members []roster.Peer
	// Behind: another one of Members has more, and what this one does not know to be
	// committed is dropped. All that the other has counts as committed.
	Behind bool
	// By, Reason and Time, in unix seconds, are said in the log: who did it, and why.
	By, Reason string
	Time       int64
}

// Recover commits what is in the log of a member that is stopped, and makes Members all
// the members there are. That is for when a majority is lost for good: what only the
// others had is lost too, and if they were not gone there would be two clusters. It
// leaves a Recovery in the directory, which is to be said in the log first of all.
//
// The machine is the member's own, open, and is closed by the caller afterwards. When
// Recover fails or is interrupted it can be called again.
func Recover(r Rescue, sm replica.StateMachine) (datadir.Recovery, error) {
	s, failed, err := openStopped(r.Dir, r.ID)
	if err != nil {
		return datadir.Recovery{}, err
	}
	said, err := s.rescue(r, sm)
	return said, errors.Join(failed.get(), err, s.close())
}

// lost are those that a recovery has left behind. They are barred from the first moment
// on; the state says so once the log does.
func lost(dir string) (names []string, err error) {
	said, found, err := datadir.ReadRecovery(dir)
	if err != nil || !found {
		return nil, err
	}
	return slices.DeleteFunc(said.Before, func(name string) bool { return slices.Contains(said.After, name) }), nil
}

// isBarred tells whether a member was removed, and is none any more for ever.
func (m *Member) isBarred(who identity.Identity) bool {
	return slices.Contains(m.lost, string(who)) || m.cfg.Removed != nil && m.cfg.Removed(who)
}

// openStopped opens the directory of a member that is stopped. What a watch or a guard
// finds wrong later is kept.
func openStopped(dir, id string) (*storage, *failure, error) {
	failed := &failure{}
	fitness := health.NewFitness(slog.New(slog.DiscardHandler), time.Second)
	watch := health.NewWatchdog(time.Hour, health.NewRunClock(time.Second), fitness, failed.report)
	s, err := openStorage(Config{Dir: dir, ID: id}, watch, failed.report)
	if err != nil {
		return nil, nil, err
	}
	if s.dir.Fresh() {
		return nil, nil, errors.Join(fmt.Errorf("cluster: %s is not yet a member's", dir), s.close())
	}
	// raft does so when it starts, and finds the configurations on the way.
	first, err := s.logs.FirstIndex()
	last, lastErr := s.logs.LastIndex()
	for index := max(first, 1); err == nil && index <= last; index++ {
		err = s.logs.GetLog(index, new(raft.Log))
	}
	s.members.Scanned()
	if err = errors.Join(err, lastErr); err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	return s, failed, nil
}

// survivor is what is on the disk.
func (s *storage) survivor() (Survivor, error) {
	own := s.dir.Identity()
	latest, _ := s.members.Latest()
	newest, _ := s.snapshots.Newest()
	last, term, err := raftlog.Last(s.logs)
	out := Survivor{
		Identity: own.Name(), Cluster: own.Cluster, Configuration: roster.ConfigurationOf(latest),
		Last: max(last, newest.Index), Term: max(term, newest.Term), Commit: max(s.memory.Committed(), newest.Index),
	}
	return out, err
}

// rescue does it, on a directory that is open.
func (s *storage) rescue(r Rescue, sm replica.StateMachine) (datadir.Recovery, error) {
	has, err := s.survivor()
	if err != nil {
		return datadir.Recovery{}, err
	}
	servers, err := r.servers(has)
	if err != nil {
		return datadir.Recovery{}, err
	}
	broken := &failure{}
	applying := replica.New(context.Background(), sm, health.NewWatchdog(time.Hour, health.NewRunClock(time.Second), nil, broken.report), broken.report)
	applying.Members = s.members
	if err := s.reconcile(applying); err != nil {
		return datadir.Recovery{}, err
	}
	end := has.Last
	if r.Behind {
		end = max(has.Commit, sm.AppliedIndex())
	}
	if err := errors.Join(s.apply(applying, end), broken.get()); err != nil {
		return datadir.Recovery{}, err
	}
	said := r.said(has, servers, end)
	if before, found, err := datadir.ReadRecovery(r.Dir); err != nil {
		return said, err
	} else if found { // this one was interrupted
		said.Before = before.Before
	}
	if err := datadir.WriteRecovery(r.Dir, said); err != nil {
		return said, err
	}
	return said, s.conclude(sm, servers, end)
}

// servers are the members that go on, as raft knows them.
func (r Rescue) servers(has Survivor) (out []raft.Server, err error) {
	if !slices.ContainsFunc(r.Members, func(p roster.Peer) bool { return p.ID == r.ID }) {
		return nil, fmt.Errorf("cluster: %w: %s itself is to go on", outcome.MemberUnknown, r.ID)
	}
	for i, p := range r.Members {
		switch {
		case !roster.Reachable(p.Addr):
			return nil, fmt.Errorf("cluster: address %q of %s is not a host:port that others can reach", p.Addr, p.ID)
		case slices.ContainsFunc(r.Members[:i], func(other roster.Peer) bool { return other.ID == p.ID || other.Addr == p.Addr }):
			return nil, fmt.Errorf("cluster: %s at %s is named twice", p.ID, p.Addr)
		}
		name, err := r.named(has, p.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(name), Address: roster.Address{HostPort: p.Addr, Instance: name.Instance()}.Encode(),
		})
	}
	return out, nil
}

// named is the identity of a member: this one, or of two with its id the newer one.
func (r Rescue) named(has Survivor, id string) (identity.Identity, error) {
	if id == r.ID {
		return has.Identity, nil
	}
	for _, m := range slices.Backward(has.Configuration.Members) {
		if m.ID == id {
			return m.Identity(), nil
		}
	}
	return "", fmt.Errorf("cluster: %w: %s", outcome.MemberUnknown, id)
}

// said is what is to be said of it in the log.
func (r Rescue) said(has Survivor, servers []raft.Server, end uint64) datadir.Recovery {
	said := datadir.Recovery{By: r.By, Reason: r.Reason, Time: r.Time, Index: end}
	said.Before = has.Configuration.Voters()
	for _, s := range servers {
		said.After = append(said.After, string(s.ID))
	}
	slices.Sort(said.Before)
	slices.Sort(said.After)
	return said
}

// apply brings the machine to the entry end. raft's own entries mean nothing to it, but
// a snapshot that ends with one is newer than a machine that does not know of it.
func (s *storage) apply(r *replica.Replica, end uint64) error {
	for index := r.Machine().AppliedIndex() + 1; index <= end; index++ {
		var l raft.Log
		if err := s.logs.GetLog(index, &l); err != nil {
			return fmt.Errorf("cluster: entry %d: %w", index, err)
		}
		if l.Type == raft.LogCommand || l.Type == raft.LogConfiguration {
			r.ApplyBatch([]*raft.Log{&l})
		} else if index == end {
			if _, err := r.Machine().Apply(end, r.Machine().Time(), nil); err != nil {
				return err
			}
		}
		if r.Broken() {
			return fmt.Errorf("cluster: entry %d cannot be applied", index)
		}
	}
	return nil
}

// conclude puts a snapshot in the place of the log, with the members that go on, and
// forgets what the others have shown: a majority of them is gone.
func (s *storage) conclude(sm replica.StateMachine, servers []raft.Server, end uint64) error {
	var term uint64
	if newest, _ := s.snapshots.Newest(); end == newest.Index {
		term = newest.Term
	} else {
		var l raft.Log
		if err := s.logs.GetLog(end, &l); err != nil {
			return fmt.Errorf("cluster: entry %d: %w", end, err)
		}
		term = l.Term
	}
	created, err := s.snapshots.Create(raft.SnapshotVersionMax, end, term, raft.Configuration{Servers: servers}, end, nil)
	if err != nil {
		return err
	}
	sink := created.(*snapshot.Sink)
	if err := sm.Snapshot(context.Background(), sink.Dir()); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	sink.SetReach(end)
	if err := sink.Close(); err != nil {
		return err
	}
	s.memory.Learn(s.term, end)
	if err := s.memory.Reset(); err != nil {
		return err
	}
	first, err := s.logs.FirstIndex()
	last, lastErr := s.logs.LastIndex()
	if err = errors.Join(err, lastErr); err != nil || last == 0 {
		return err
	}
	if last > end {
		if err := s.logs.DeleteRange(max(first, end+1), last); err != nil {
			return err
		}
	}
	if first <= min(last, end) {
		return s.logs.DeleteRange(first, min(last, end))
	}
	return nil
}
