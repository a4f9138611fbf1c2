package replica

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/cluster/queue"
)

const (
	// What is prepared at most, ahead of what is applied: more entries than a leader
	// has in flight, also of the largest. What is prepared of small transactions is 14
	// times as large as they are. The least entry that is: for smaller ones it costs as
	// much to hand them over as it saves.
	maxPrepared      = 16
	maxPreparedBytes = 4 * queue.MaxEntryBytes
	leastPrepared    = 4 << 10
)

// Preparer is a StateMachine that can do a part of Apply beforehand, beside Apply of
// earlier entries and while the entry is on its way to the disks.
type Preparer interface {
	// Prepare returns what ApplyPrepared of the same requests takes. Its result follows
	// from the requests and from what never changes in the state; it has no effect. It
	// is called from another goroutine than Apply, for entries that may never be
	// committed, and not for all that are.
	Prepare(requests [][]byte) (ahead any)

	// ApplyPrepared is Apply, with the same outcome.
	ApplyPrepared(index uint64, micros int64, requests [][]byte, ahead any) (result func(i int) []byte, err error)
}

// preparation has entries prepared by one goroutine, in their order, between the time
// at which raft has them written to the log and the time at which they are applied.
// What is not prepared in time is applied as it is.
//
// offer is called where raft writes the log, take where it applies. mu guards waiting.
type preparation struct {
	machine Preparer
	jobs    chan *preparing

	mu      sync.Mutex
	waiting map[uint64]*preparing // by index: offered, and neither applied nor passed over
	bytes   int                   // of those
}

// preparing is an entry on its way. Whoever sets claimed has it: the preparation, which
// then fills in the rest and closes done, or the replica.
type preparing struct {
	term    uint64
	data    []byte
	claimed atomic.Bool
	done    chan struct{}
	entry   entry.Entry
	ahead   any // nil where the entry is to be applied as it is
}

// newPreparation returns nil where the machine prepares nothing. Somebody has to run it.
func newPreparation(machine StateMachine) *preparation {
	p, can := machine.(Preparer)
	if !can {
		return nil
	}
	return &preparation{machine: p, jobs: make(chan *preparing, maxPrepared), waiting: map[uint64]*preparing{}}
}

// run prepares until ctx ends.
func (p *preparation) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-p.jobs:
			if j.claimed.CompareAndSwap(false, true) {
				p.prepare(j)
			}
		}
	}
}

func (p *preparation) prepare(j *preparing) {
	defer close(j.done)
	var err error
	if j.entry, err = entry.Decode(j.data); err == nil { // otherwise it is for Apply to say
		j.ahead = p.machine.Prepare(j.entry.Requests)
	}
}

// offer takes entries that raft is about to write.
func (p *preparation) offer(logs []*raft.Log) {
	if p == nil {
		return
	}
	for _, l := range logs {
		if l.Type != raft.LogCommand || len(l.Data) < leastPrepared {
			continue
		}
		j := &preparing{term: l.Term, data: l.Data, done: make(chan struct{})}
		if !p.add(l.Index, j) {
			return
		}
	}
}

// add reports whether there was room.
func (p *preparation) add(index uint64, j *preparing) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) >= maxPrepared || p.bytes+len(j.data) > maxPreparedBytes {
		return false
	}
	select {
	case p.jobs <- j:
		p.drop(index) // of another term
		p.waiting[index] = j
		p.bytes += len(j.data)
		return true
	default:
		return false
	}
}

// take returns what was prepared of an entry that is applied now, nil if nothing was.
// It waits for one that is being prepared, which ends sooner than to do it again.
// Those before it are let go.
func (p *preparation) take(l *raft.Log) *preparing {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	j := p.waiting[l.Index]
	for index := range p.waiting {
		if index <= l.Index {
			p.drop(index)
		}
	}
	p.mu.Unlock()
	if j == nil || j.term != l.Term || j.claimed.CompareAndSwap(false, true) {
		return nil
	}
	<-j.done
	if j.ahead == nil {
		return nil
	}
	return j
}

// drop lets go what is waiting under an index, if anything. mu is held.
func (p *preparation) drop(index uint64) {
	if j := p.waiting[index]; j != nil {
		p.bytes -= len(j.data)
		delete(p.waiting, index)
	}
}

// preparedLog is a log whose entries are prepared while they are written.
type preparedLog struct {
	raft.LogStore
	preparation *preparation
}

// StoreLog implements raft.LogStore.
func (s preparedLog) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (s preparedLog) StoreLogs(logs []*raft.Log) error {
	s.preparation.offer(logs)
	return s.LogStore.StoreLogs(logs)
}

// IsMonotonic implements raft.MonotonicLogStore.
func (s preparedLog) IsMonotonic() bool {
	m, says := s.LogStore.(raft.MonotonicLogStore)
	return says && m.IsMonotonic()
}
