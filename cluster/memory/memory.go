// Package memory is what the members of a cluster remember of each other, so that
// one that went back in time is noticed: the most that each has ever shown, of which
// nothing can become less for a member that has lost nothing.
//
// When two members meet they exchange a Position. A member judges itself by what
// the other remembers of it, because it alone has all its starts; and both compare
// what they hold. DESIGN.md of the package cluster says what that can notice.
package memory

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

const (
	memoryFormat = 1

	// What is remembered is written once nothing has changed for writeQuiet, and
	// under load after writeDelay at most: one more sync a second.
	writeQuiet = 50 * time.Millisecond
	writeDelay = time.Second

	// Members of which something is remembered: those that there are, and some that
	// were added while this one was away.
	maxPeers = 64
)

// Known is what a member remembers of another.
type Known struct {
	Start Start  `json:"start"` // the latest
	Term  uint64 `json:"term"`  // the highest current term
	Held  uint64 `json:"held"`  // the last committed entry that it had on its disk
}

// content is that of memory.json: the others, and itself.
type content struct {
	Format int              `json:"format"`
	Term   uint64           `json:"term"`
	Commit uint64           `json:"commit"` // the last entry known to be committed
	Peers  map[string]Known `json:"peers"`
}

// Raft is what a member that runs knows.
type Raft interface {
	CurrentTerm() uint64
	CommitIndex() uint64
	LastIndex() uint64
	LeaderWithID() (raft.ServerAddress, raft.ServerID)
}

// Memory is that of one member. A start that another shows is on disk before the
// two go on; all else costs no sync of its own. What a crash loses of it is, for
// the member's own part, in the log: each record says what was committed when it
// was written.
//
// Safe for concurrent use. starts is set by Begin and raft, self and sum by Attach,
// before attached is closed; whoever reads them waits for that. mu guards content,
// changed and durable; writing is held by whoever writes the file, and taken before mu.
type Memory struct {
	dir   string
	self  string
	watch *health.Watchdog
	fatal func(error)
	wake  chan struct{} // token: there may be more to remember

	starts   starts
	raft     Raft
	sum      func(index uint64) (sum uint32, ok bool)
	attached chan struct{}

	writing sync.Mutex
	mu      sync.Mutex
	content content
	changed bool             // since it was written
	durable map[string]Start // of the others, that are on disk
}

// Open reads what is in a member's directory. A write of it that fails
// is fatal, and watch notices one that hangs.
func Open(dir string, watch *health.Watchdog, fatal func(error)) (m *Memory, err error) {
	m = &Memory{
		dir: dir, watch: watch, fatal: fatal,
		wake: make(chan struct{}, 1), attached: make(chan struct{}),
		content: content{Format: memoryFormat, Peers: map[string]Known{}},
	}
	if m.starts, err = readStarts(dir); err != nil {
		return nil, err
	}
	found, err := datadir.Read(m.path(), &m.content)
	if err == nil && m.content.Format != memoryFormat {
		err = fmt.Errorf("cluster: %s has format %d, this binary knows %d", m.path(), m.content.Format, memoryFormat)
	}
	m.changed, m.durable = !found, starting(m.content)
	return m, err
}

func (m *Memory) path() string { return filepath.Join(m.dir, datadir.MemoryFile) }

// Begin takes a number for this start; it is on disk when Begin returns, and so is
// what the member remembers.
func (m *Memory) Begin() (err error) {
	if m.starts, err = m.starts.begin(m.dir); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return m.write()
}

// Attach makes raft known, which knows the rest, under the name by which it knows this
// member, and how to get the checksum of an entry that is in the log. Until then nobody
// gets a Position.
func (m *Memory) Attach(r Raft, self string, sum func(index uint64) (sum uint32, ok bool)) {
	m.raft, m.self, m.sum = r, self, sum
	close(m.attached)
}

func (m *Memory) running() bool {
	select {
	case <-m.attached:
		return true
	default:
		return false
	}
}

// Committed is the last entry that is known to be committed.
func (m *Memory) Committed() uint64 {
	m.mu.Lock()
	index := m.content.Commit
	m.mu.Unlock()
	if m.running() {
		index = max(index, m.raft.CommitIndex())
	}
	return index
}

// Term is the highest term that is remembered of this member itself.
func (m *Memory) Term() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.content.Term
}

// Learn notes what this member itself has found in its files.
func (m *Memory) Learn(term, commit uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if term > m.content.Term || commit > m.content.Commit {
		m.content.Term, m.content.Commit = max(term, m.content.Term), max(commit, m.content.Commit)
		m.changed = true
	}
}

// Note remembers, for now in memory, what a member has shown.
func (m *Memory) Note(id string, term, held uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, known := m.content.Peers[id]
	if term <= k.Term && held <= k.Held || !known && len(m.content.Peers) >= maxPeers {
		return
	}
	k.Term, k.Held = max(term, k.Term), max(held, k.Held)
	m.content.Peers[id], m.changed = k, true
	m.Changed()
}

// Accept remembers what a member has shown with which this one goes on. Its start
// is on disk when Accept returns.
func (m *Memory) Accept(id string, theirs Position) error {
	m.Note(id, theirs.Term, theirs.Commit)
	m.mu.Lock()
	k, known := m.content.Peers[id]
	if k.Start != theirs.Start && (known || len(m.content.Peers) < maxPeers) {
		k.Start = theirs.Start
		m.content.Peers[id], m.changed = k, true
	}
	start, safe := m.durable[id]
	m.mu.Unlock()
	if safe && start == theirs.Start {
		return nil
	}
	return m.write() // another handshake may have noted it, and still be writing
}

// Forget drops what is remembered of those that are no members any more. It is for
// changes that are final.
func (m *Memory) Forget(gone func(id string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.content.Peers)
	maps.DeleteFunc(m.content.Peers, func(id string, _ Known) bool { return gone(id) })
	if len(m.content.Peers) != before {
		m.changed = true
		m.Changed()
	}
}

// Reset forgets all others, durably.
func (m *Memory) Reset() error {
	m.Forget(func(string) bool { return true })
	return m.write()
}

// Met tells whether a member has been seen on this side.
func (m *Memory) Met(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, met := m.content.Peers[id]
	return met
}

// Changed says that there may be more to remember.
func (m *Memory) Changed() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run writes what there is to remember until ctx ends, and then once more.
func (m *Memory) Run(ctx context.Context) {
	for {
		select {
		case <-m.wake:
			m.settle(ctx)
		case <-ctx.Done():
		}
		m.askRaft()
		_ = m.write() // it is fatal
		if ctx.Err() != nil {
			return
		}
	}
}

// settle waits until nothing has changed for a moment, but not for ever.
func (m *Memory) settle(ctx context.Context) {
	atMost := time.After(writeDelay)
	for {
		select {
		case <-m.wake:
		case <-time.After(writeQuiet):
			return
		case <-atMost:
			return
		case <-ctx.Done():
			return
		}
	}
}

// askRaft notes what raft knows by now. Whoever leads has had all that was
// committed before it was asked who leads, and has been in the term that was read
// before.
func (m *Memory) askRaft() {
	term, commit := m.raft.CurrentTerm(), m.raft.CommitIndex()
	m.Learn(term, commit)
	if _, leader := m.raft.LeaderWithID(); leader != "" && string(leader) != m.self {
		m.Note(string(leader), term, commit)
	}
}

// write makes the memory durable. A write that fails is fatal, as for a vote:
// what others have shown must not be forgotten.
func (m *Memory) write() error {
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	changed, state := m.changed, m.content
	state.Peers = maps.Clone(m.content.Peers)
	m.changed = false
	m.mu.Unlock()
	if !changed {
		return nil
	}
	const what = "writing what is known of the others"
	err := m.watch.During(what, func() error { return durable.WriteSealed(m.path(), state) })
	if err != nil {
		err = fmt.Errorf("cluster: %s: %w", what, err)
		m.fatal(err)
		return err
	}
	m.mu.Lock()
	m.durable = starting(state)
	m.mu.Unlock()
	return nil
}

// starting is the starts of the others in what is on disk.
func starting(on content) map[string]Start {
	starts := map[string]Start{}
	for id, k := range on.Peers {
		starts[id] = k.Start
	}
	return starts
}
