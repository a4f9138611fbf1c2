package cluster

import (
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/latency"
)

// Figures is what a member has counted and measured since its start, for whoever
// watches it.
type Figures struct {
	// LogWrites is how long it took to have entries in the log on disk, Commits how
	// long an entry took that this member put into the log as leader, from handing it
	// to raft until it was applied here, and Applies how long the state machine took
	// for each entry.
	LogWrites, Commits, Applies *latency.Histogram
	// Queue is what waits to be ordered.
	Queue queue.Load
	// Elections is how often this member stood for election, Leaders how often it
	// learned of a leader that it did not know.
	Elections, Leaders uint64
}

// Figures is what this member has counted and measured.
func (m *Member) Figures() Figures {
	return Figures{
		LogWrites: &m.store.took, Commits: &m.batcher.Took, Applies: &m.replica.Took,
		Queue: m.queue.Load(), Elections: m.turns.elections.Load(), Leaders: m.turns.leaders.Load(),
	}
}

// LogWrites is how long it took to have entries in the log on disk, since the start.
func (m *Member) LogWrites() latency.Summary { return m.store.took.Summary() }

// turns counts how the leadership goes round.
type turns struct{ elections, leaders atomic.Uint64 }

// count counts what raft has observed.
func (t *turns) count(o *raft.Observation) {
	switch d := o.Data.(type) {
	case raft.RaftState:
		if d == raft.Candidate {
			t.elections.Add(1)
		}
	case raft.LeaderObservation:
		if d.LeaderID != "" {
			t.leaders.Add(1)
		}
	}
}
