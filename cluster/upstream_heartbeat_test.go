package cluster

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

// hashicorp/raft#695: raft's transport has heartbeats handled on the goroutine of their
// connection, beside the main goroutine. A leader hears that another leads in the next term;
// its main goroutine waits for something to do, gets a request, and writes it as an entry of
// that term, at an index at which the new leader has another one. Raft takes entries of one
// index and one term to be the same, so this one stays and is applied, where all others have
// the other.
func TestUpstreamEntryOfAnothersTerm(t *testing.T) {
	diverges := func(transport func(raft.StreamLayer) raft.Transport) (otherwise bool) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, parts{transport: transport})
			defer s.close()
			s.lead()
			synctest.Wait() // a's main goroutine has nothing to do
			old, last := s.raft.CurrentTerm(), s.raft.LastIndex()
			s.append(s.b, raft.AppendEntriesRequest{Term: old + 1}) // b has the vote of c
			if err := s.raft.Apply([]byte("of a"), 0).Error(); err == nil {
				t.Error("whom it is no leader for says that it is committed")
			}
			s.append(s.b, raft.AppendEntriesRequest{
				Term: old + 1, PrevLogEntry: last, PrevLogTerm: old, LeaderCommitIndex: last + 1,
				Entries: []*raft.Log{{Index: last + 1, Term: old + 1, Data: []byte("of b")}},
			})
			synctest.Wait()
			history := s.machine.seen()
			if len(history) != 1 {
				t.Fatalf("applied: %q", history)
			}
			otherwise = !slices.Equal(history, []string{"of b"})
		})
		return otherwise
	}
	shown(t, diverges(bareTransport), diverges(ourTransport(t)), "transport.Transport.SetHeartbeatHandler")
}
