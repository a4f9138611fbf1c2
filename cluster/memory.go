package cluster

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/internal/durable"
)

const memoryFormat = 1

// known is what a member remembers of another: the most that it has ever shown.
// None of it can become less for a member that has lost nothing.
type known struct {
	Start start  `json:"start"` // the latest
	Term  uint64 `json:"term"`  // the highest current term
	Held  uint64 `json:"held"`  // the last committed entry that it had on its disk
}

// recollection is the content of memory.json: the others, and itself.
type recollection struct {
	Format int              `json:"format"`
	Term   uint64           `json:"term"`
	Commit uint64           `json:"commit"` // the last entry known to be committed
	Peers  map[string]known `json:"peers"`
}

// memory is what a member knows of how far the others and it had come, so that
// one that went back in time is noticed. A start that another shows is on disk
// before the two go on; all else costs no sync of its own: it is written once
// things have been quiet for a moment, and under load now and then. What is
// lost with a crash in between is, for the member's own part, in the log: each
// record says what was committed when it was written (guardedlog.go).
//
// run is its goroutine. Safe for concurrent use.
type memory struct {
	path  string
	self  string // id
	watch *health.Watchdog
	fatal func(error)
	wake  chan struct{} // token: there may be more to remember

	attached chan struct{} // closed when raft is set
	raft     *raft.Raft

	writing sync.Mutex // held by who writes the file; before mu

	mu      sync.Mutex
	state   recollection
	changed bool // since it was written
}

func openMemory(dir, self string, watch *health.Watchdog, fatal func(error)) (*memory, error) {
	m := &memory{
		path: filepath.Join(dir, datadir.MemoryFile), self: self, watch: watch, fatal: fatal,
		wake: make(chan struct{}, 1), attached: make(chan struct{}),
		state: recollection{Format: memoryFormat, Peers: map[string]known{}},
	}
	found, err := datadir.Read(m.path, &m.state)
	if err == nil && m.state.Format != memoryFormat {
		err = fmt.Errorf("cluster: %s has format %d, this binary knows %d", m.path, m.state.Format, memoryFormat)
	}
	m.changed = !found
	return m, err
}

// attach makes raft known, which knows the rest.
func (m *memory) attach(r *raft.Raft) {
	m.raft = r
	close(m.attached)
}

func (m *memory) running() bool {
	select {
	case <-m.attached:
		return true
	default:
		return false
	}
}

// committed is the last entry that is known to be committed.
func (m *memory) committed() uint64 {
	m.mu.Lock()
	index := m.state.Commit
	m.mu.Unlock()
	if m.running() {
		index = max(index, m.raft.CommitIndex())
	}
	return index
}

// learn notes what this member itself has found in its files.
func (m *memory) learn(term, commit uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if term > m.state.Term || commit > m.state.Commit {
		m.state.Term, m.state.Commit = max(term, m.state.Term), max(commit, m.state.Commit)
		m.changed = true
	}
}

// of is what is known of a member.
func (m *memory) of(id string) known {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Peers[id]
}

// note remembers, for now in memory, what a member has shown.
func (m *memory) note(id string, term, held uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.state.Peers[id]
	if term <= k.Term && held <= k.Held {
		return
	}
	k.Term, k.Held = max(term, k.Term), max(held, k.Held)
	m.state.Peers[id], m.changed = k, true
	poke(m.wake)
}

// meet remembers a start that a member has shown; it is on disk when it returns.
func (m *memory) meet(id string, s start) error {
	m.mu.Lock()
	k := m.state.Peers[id]
	if k.Start != s {
		k.Start = s
		m.state.Peers[id], m.changed = k, true
	}
	m.mu.Unlock()
	return m.write() // another handshake may have noted it, and still be writing
}

// run writes what there is to remember until the context ends, and then once
// more.
func (m *memory) run(ctx context.Context) {
	for {
		select {
		case <-m.wake:
			m.settle(ctx)
		case <-ctx.Done():
		}
		m.gather()
		_ = m.write() // it is fatal
		if ctx.Err() != nil {
			return
		}
	}
}

// settle waits until nothing has changed for a moment, but not for ever.
func (m *memory) settle(ctx context.Context) {
	atMost := time.After(memoryDelay)
	for {
		select {
		case <-m.wake:
		case <-time.After(memoryQuiet):
			return
		case <-atMost:
			return
		case <-ctx.Done():
			return
		}
	}
}

// gather notes what raft knows by now. Whoever leads has had all that was
// committed before it was asked who leads, and has been in the term that was read
// before.
func (m *memory) gather() {
	term, commit := m.raft.CurrentTerm(), m.raft.CommitIndex()
	m.learn(term, commit)
	if _, leader := m.raft.LeaderWithID(); leader != "" && string(leader) != m.self {
		m.note(string(leader), term, commit)
	}
}

// write makes the memory durable. A write that fails is fatal, as for a vote:
// what others have shown must not be forgotten.
func (m *memory) write() error {
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	changed, state := m.changed, m.state
	state.Peers = maps.Clone(m.state.Peers)
	m.changed = false
	m.mu.Unlock()
	if !changed {
		return nil
	}
	const what = "writing what is known of the others"
	err := m.watch.During(what, func() error { return durable.WriteSealed(m.path, state) })
	if err != nil {
		err = fmt.Errorf("cluster: %s: %w", what, err)
		m.fatal(err)
	}
	return err
}
