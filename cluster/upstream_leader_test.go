package cluster

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/replica"
	"github.com/bpsc/bpsc/internal/bubble"
)

// long is far more than it takes to elect another leader.
const long = 2 * time.Minute

// leadsOn tells whether a leads, and has for all of a long time, since it was in term.
func (s *stage) leadsOn(term uint64) bool {
	bubble.Pass(long)
	return s.raft.State() == raft.Leader && s.raft.CurrentTerm() == term
}

// hung is a store that does not come back from a write once it hangs.
type hung struct {
	*raft.InmemStore
	mu      sync.Mutex
	gate    chan struct{} // nil: it goes on
	entered chan struct{} // gets a token with each write that hangs
	fails   error         // what a write that was let go returns
}

func (h *hung) StoreLogs(logs []*raft.Log) error {
	h.mu.Lock()
	gate := h.gate
	h.mu.Unlock()
	if gate != nil {
		h.entered <- struct{}{}
		<-gate
		if h.fails != nil {
			return h.fails
		}
	}
	return h.InmemStore.StoreLogs(logs)
}

// hang has writes hang, from the next one on, until what it returns is called.
func (h *hung) hang() (release func()) {
	gate := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate, h.entered = gate, make(chan struct{}, 1000)
	return sync.OnceFunc(func() {
		h.mu.Lock()
		h.gate = nil
		h.mu.Unlock()
		close(gate)
	})
}

// hashicorp/raft#503, #614, #666: a leader whose disk hangs orders nothing, and its heartbeats
// go on: nobody else stands for election.
func TestUpstreamLeaderWhoseDiskHangs(t *testing.T) {
	keepsOthersQuiet := func(guarded bool) (quiet bool) {
		synctest.Test(t, func(t *testing.T) {
			store, k := &hung{InmemStore: raft.NewInmemStore()}, newKeepers(t)
			p := parts{logs: store}
			if guarded {
				p.transport, p.logs = k.transport, k.log(store, raft.NewInmemSnapshotStore())
			}
			s := newStage(t, p)
			defer s.close()
			k.judge(s)
			s.lead()
			defer store.hang()()
			s.raft.Apply([]byte("x"), 0)
			bubble.Pass(long)
			heard := make(chan struct{}, 1)
			s.b.answers(func(rpc raft.RPC) { signal(heard); agree(rpc) })
			select {
			case <-heard:
				quiet = true
			case <-time.After(time.Minute):
			}
			if guarded != (len(k.fatal) > 0) {
				t.Errorf("fatal: %d", len(k.fatal))
			}
		})
		return quiet
	}
	shown(t, keepsOthersQuiet(false), keepsOthersQuiet(true), "health.Watchdog")
}

// raft's lease counts heartbeats: a leader none of whose entries gets through leads on.
func TestUpstreamLeaderWhoseEntriesAreLost(t *testing.T) {
	leadsOn := func(guarded bool) (leads bool) {
		synctest.Test(t, func(t *testing.T) {
			k, p := newKeepers(t), parts{}
			if guarded {
				p.transport = k.transport
			}
			s := newStage(t, p)
			defer s.close()
			k.judge(s)
			s.lead()
			lose := func(a *actor) {
				a.answers(func(rpc raft.RPC) {
					if hasEntries(rpc) {
						a.hold(rpc)
						return
					}
					agree(rpc)
				})
			}
			lose(s.b)
			lose(s.c)
			term := s.raft.CurrentTerm()
			s.raft.Apply([]byte("x"), 0)
			leads = s.leadsOn(term)
			if applied := s.machine.seen(); len(applied) > 0 {
				t.Errorf("applied: %q", applied)
			}
		})
		return leads
	}
	shown(t, leadsOn(false), leadsOn(true), "health.Progress")
}

// A leader whose state machine does not come back from Apply leads on, and takes more.
func TestUpstreamLeaderWhoseMachineHangs(t *testing.T) {
	leadsOn := func(guarded bool) (leads bool) {
		synctest.Test(t, func(t *testing.T) {
			k, p, gate := newKeepers(t), parts{}, make(chan struct{})
			bare, ours := &applied{hang: gate}, newTestMachine()
			ours.applying = gate
			p.machine = bare
			if guarded {
				r := replica.New(t.Context(), ours, k.watch, k.dies)
				r.Members = raftlog.NewConfigurations(nil)
				p.transport, p.machine = k.transport, r
			}
			s := newStage(t, p)
			defer s.close()
			defer close(gate)
			k.judge(s)
			for leads := range s.raft.LeaderCh() {
				if leads {
					break
				}
			}
			term := s.raft.CurrentTerm()
			for range 20 {
				s.raft.Apply(entry.Entry{Requests: [][]byte{[]byte("x")}}.Encode(), 0)
			}
			leads = s.leadsOn(term)
			if n := len(bare.seen()) + len(ours.snapshot().History); n > 0 {
				t.Errorf("%d applied", n)
			}
		})
		return leads
	}
	shown(t, leadsOn(false), leadsOn(true), "health.Watchdog.Begin(ApplyTask)")
}

// VerifyLeader takes any answer for a proof that nobody else leads, also one to a question
// from before it was called. Here a was suspended with its machine, a clock and all; meanwhile
// b was elected, and maybe wrote. What b had answered before lay in a's socket.
func TestUpstreamAnswerFromBefore(t *testing.T) {
	// read is how a read makes sure that it sees all that was acknowledged.
	stale := func(transport func(raft.StreamLayer) raft.Transport, read func(*raft.Raft) raft.Future) (stale bool) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, parts{transport: transport})
			defer s.close()
			s.lead()
			synctest.Wait()
			wakes, elected := make(chan struct{}), make(chan struct{})
			answer := func(rpc raft.RPC) {
				select {
				case <-elected: // in the next term
					term := s.raft.CurrentTerm() + 1
					rpc.Respond(&raft.AppendEntriesResponse{RPCHeader: s.b.head(), Term: term}, nil)
				default: // on its way while a stands still
					<-wakes
					agree(rpc)
				}
			}
			s.b.answers(answer)
			s.c.answers(answer)
			bubble.Pass(300 * time.Millisecond) // so that something is on its way; less than a's lease
			close(elected)
			reading := read(s.raft)
			synctest.Wait()
			close(wakes)
			stale = reading.Error() == nil
		})
		return stale
	}
	verify := func(r *raft.Raft) raft.Future { return r.VerifyLeader() }
	barrier := func(r *raft.Raft) raft.Future { return r.ApplyLog(raft.Log{Data: entry.Entry{}.Encode()}, 0) } // as Batcher.propose
	shown(t, stale(bareTransport, verify), stale(ourTransport(t), barrier), "that reads go through the log")
}

// Whoever removes or demotes the leader shuts its raft down, in a process that lives on.
func TestUpstreamRemovedLeader(t *testing.T) {
	endsRaft := func(config func(*raft.Config)) (ends bool) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, parts{config: config})
			defer s.close()
			s.lead()
			if err := s.raft.RemoveServer("a", 0, 0).Error(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			ends = s.raft.State() == raft.Shutdown
		})
		return ends
	}
	shown(t, endsRaft(nil), endsRaft(ourConfig), "Config.ShutdownOnRemove")
}

// ourConfig sets what members of ours set.
func ourConfig(c *raft.Config) {
	cfg := DefaultConfig()
	cfg.ID = "a"
	*c = *raftConfig(cfg, "a", c.Logger)
}

// raft does not say at which index the members are as it says: a change that is compared with
// it and set would go over one that it has not seen.
func TestUpstreamIndexOfAConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, store := newKeepers(t), raft.NewInmemStore()
		log := k.log(store, raft.NewInmemSnapshotStore())
		s := newStage(t, parts{logs: log})
		defer s.close()
		s.lead()
		change := s.raft.AddNonvoter("d", "d", 0, 0)
		if err := change.Error(); err != nil {
			t.Fatal(err)
		}
		raftSays := s.raft.GetConfiguration()
		if err := raftSays.Error(); err != nil || !slices.ContainsFunc(raftSays.Configuration().Servers, func(one raft.Server) bool { return one.ID == "d" }) {
			t.Fatalf("%+v, %v", raftSays.Configuration(), err)
		}
		ours, _ := log.Configurations.Latest()
		shown(t, raftSays.Index() != change.Index(), ours.Index != change.Index(), "raftlog.Configurations")
	})
}
