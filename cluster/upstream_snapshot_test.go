package cluster

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/replica"
	"github.com/bpsc/bpsc/cluster/snapshot"
)

// install sends a's raft an empty snapshot of entries up to an index.
func (s *stage) install(from *actor, term, index, indexTerm uint64) (done bool) {
	s.t.Helper()
	three := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}, {ID: "b", Address: "b"}, {ID: "c", Address: "c"}}}
	m := raft.InstallSnapshotRequest{
		RPCHeader: from.head(), SnapshotVersion: raft.SnapshotVersionMax, Term: term, LastLogIndex: index, LastLogTerm: indexTerm,
		Configuration: raft.EncodeConfiguration(three), ConfigurationIndex: 1,
	}
	var answer raft.InstallSnapshotResponse
	if err := from.InstallSnapshot("a", "a", &m, &answer, strings.NewReader("")); err != nil {
		s.t.Fatalf("%s: %v", from.name, err)
	}
	return answer.Success
}

// entriesOf are entries of a term.
func entriesOf(term, from, to uint64) (list []*raft.Log) {
	for i := from; i <= to; i++ {
		list = append(list, &raft.Log{Index: i, Term: term, Data: []byte{byte(term), byte(i)}})
	}
	return list
}

// hashicorp/raft#697: a member has an entry of a leader that was deposed at the index at which
// a snapshot ends. It installs the snapshot and keeps the entry, and goes by that: it refuses
// what comes next, gets the snapshot again, and so for ever.
//
// Ours are sent entries, which mend their log, as a leader keeps more of them than a few
// leaders had in flight.
func TestUpstreamConflictAtASnapshotsEnd(t *testing.T) {
	refuses := false
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, parts{})
		defer s.close()
		first := raft.AppendEntriesRequest{Term: 2, PrevLogEntry: 1, PrevLogTerm: 1, Entries: entriesOf(2, 2, 5)}
		if !s.append(s.b, first).Success {
			t.Fatal("a does not follow b")
		}
		// c leads by now; it has entries of term 3 from 2 on, and has cut them off behind a snapshot.
		for range 3 {
			if !s.install(s.c, 3, 5, 3) {
				t.Fatal("a does not take the snapshot")
			}
			refuses = !s.append(s.c, raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 5, PrevLogTerm: 3, Entries: entriesOf(3, 6, 6)}).Success
		}
	})

	sendsSnapshot := func(config func(*raft.Config)) (sent bool) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, parts{config: config})
			defer s.close()
			s.lead()
			var last uint64
			for range 100 {
				f := s.raft.Apply([]byte("x"), 0)
				if err := f.Error(); err != nil {
					t.Fatal(err)
				}
				last = f.Index()
			}
			if err := s.raft.Snapshot().Error(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()             // nothing is under way: a full pipeline stands for ever when it is refused (#612)
			there := make(chan bool, 1) // whether b was brought on by a snapshot
			s.b.answers(func(rpc raft.RPC) {
				switch m := rpc.Command.(type) {
				case *raft.InstallSnapshotRequest:
					there <- true
					s.b.answers(nil)
				case *raft.AppendEntriesRequest:
					if m.PrevLogEntry > 1 { // there it has entries of another term
						rpc.Respond(&raft.AppendEntriesResponse{RPCHeader: s.b.head(), Term: m.Term, LastLog: min(m.PrevLogEntry, last) - 1, NoRetryBackoff: true}, nil)
						return
					}
					if m.PrevLogEntry == 1 {
						there <- false
						s.b.answers(nil)
					}
				}
				agree(rpc)
			})
			sent = <-there
		})
		return sent
	}
	few := func(c *raft.Config) { c.TrailingLogs = 10 }
	shown(t, refuses && sendsSnapshot(few), sendsSnapshot(ourConfig), "Config.TrailingLogs of 10,000 and more")
}

// whole is a log without holes, as raft-wal is one.
type whole struct{ *raft.InmemStore }

func (whole) IsMonotonic() bool { return true }

// raft empties a log that can have no holes when it has taken a snapshot, and with it entries
// behind the snapshot that it has acknowledged. It goes on as if they were there.
func TestUpstreamEntriesBehindASnapshot(t *testing.T) {
	drops := func(guarded bool) (dropped bool) {
		synctest.Test(t, func(t *testing.T) {
			snapshots := raft.NewInmemSnapshotStore()
			var logs raft.LogStore = whole{raft.NewInmemStore()}
			if guarded {
				logs = newKeepers(t).log(logs, snapshots)
			}
			s := newStage(t, parts{logs: logs, snapshots: snapshots})
			defer s.close()
			if !s.append(s.b, raft.AppendEntriesRequest{Term: 2, PrevLogEntry: 1, PrevLogTerm: 1, Entries: entriesOf(2, 2, 10)}).Success {
				t.Fatal("a does not follow b")
			}
			if !s.install(s.b, 2, 5, 2) { // it was on its way for long
				t.Fatal("a does not take the snapshot")
			}
			if last := s.raft.LastIndex(); last != 10 {
				t.Fatalf("raft has entries up to %d", last)
			}
			var l raft.Log
			dropped = logs.GetLog(10, &l) != nil
		})
		return dropped
	}
	shown(t, drops(false), drops(true), "raftlog.Log.spare")
}

// batched is a machine that takes commands, and is not told of anything else, as most are.
type batched struct{ *applied }

func (m batched) ApplyBatch(logs []*raft.Log) []any {
	for _, l := range logs {
		if l.Type == raft.LogCommand {
			m.Apply(l)
		}
	}
	return make([]any, len(logs))
}

// A snapshot's index counts entries that a machine is not given. One that keeps its state by
// itself is behind its own snapshot.
func TestUpstreamMachineBehindItsSnapshot(t *testing.T) {
	behind := func(guarded bool) (behind bool) {
		synctest.Test(t, func(t *testing.T) {
			bare, ours := batched{&applied{}}, newTestMachine()
			p := parts{machine: bare, snapshots: raft.NewInmemSnapshotStore()}
			if guarded {
				k := newKeepers(t)
				r := replica.New(t.Context(), ours, k.watch, k.dies)
				r.Members = raftlog.NewConfigurations(nil)
				store, err := snapshot.Open(filepath.Join(t.TempDir(), "snapshots"))
				if err != nil {
					t.Fatal(err)
				}
				p = parts{machine: r, snapshots: store}
			}
			s := newStage(t, p)
			defer s.close()
			s.lead()
			if err := s.raft.Apply(entry.Entry{Requests: [][]byte{[]byte("x")}}.Encode(), 0).Error(); err != nil {
				t.Fatal(err)
			}
			if err := s.raft.AddNonvoter("d", "d", 0, 0).Error(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if err := s.raft.Snapshot().Error(); err != nil {
				t.Fatal(err)
			}
			list, err := p.snapshots.List()
			if err != nil || len(list) == 0 {
				t.Fatalf("%v, %v", list, err)
			}
			bare.mu.Lock()
			defer bare.mu.Unlock()
			behind = max(bare.last, ours.AppliedIndex()) < list[0].Index
		})
		return behind
	}
	shown(t, behind(false), behind(true), "Replica.configure")
}

// returning is a machine that keeps its state by itself, and snapshots of it.
type returning struct {
	applied
	wentBack bool // a snapshot has taken it back behind what it held
}

func (m *returning) Snapshot() (raft.FSMSnapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return indexed(m.last), nil
}

func (m *returning) Restore(r io.ReadCloser) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.last
	err := json.NewDecoder(r).Decode(&m.last)
	m.wentBack = m.last < before
	return errors.Join(err, r.Close())
}

// indexed is a snapshot that says how far it goes.
type indexed uint64

func (s indexed) Persist(sink raft.SnapshotSink) error {
	return errors.Join(json.NewEncoder(sink).Encode(s), sink.Close())
}
func (indexed) Release() {}

// RecoverCluster gives a machine that keeps its state by itself a snapshot that is older, and
// then only the commands behind it: it goes back, and ends behind the snapshot that raft takes
// of it. What Recover does instead is TestRecoverWithOneSurvivor's.
func TestUpstreamRecoverCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, snapshots, machine := raft.NewInmemStore(), raft.NewInmemSnapshotStore(), &returning{}
		s := newStage(t, parts{logs: store, votes: store, snapshots: snapshots, machine: machine})
		s.lead()
		must := func(f raft.Future) {
			t.Helper()
			if err := f.Error(); err != nil {
				t.Fatal(err)
			}
		}
		must(s.raft.Apply([]byte("x"), 0))
		must(s.raft.Snapshot())
		must(s.raft.Apply([]byte("y"), 0))
		must(s.raft.AddNonvoter("d", "d", 0, 0))
		last := s.raft.LastIndex()
		s.close()
		conf := raft.DefaultConfig()
		conf.LocalID, conf.Logger = "a", hclog.NewNullLogger()
		trans := bareTransport(newWires().plug("a"))
		defer trans.(raft.WithClose).Close()
		alone := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}}}
		if err := raft.RecoverCluster(conf, machine, store, store, snapshots, trans, alone); err != nil {
			t.Fatal(err)
		}
		list, err := snapshots.List()
		if err != nil || list[0].Index != last {
			t.Fatalf("%+v, %v", list, err)
		}
		shown(t, machine.wentBack && machine.last < last, false, "Recover")
	})
}
