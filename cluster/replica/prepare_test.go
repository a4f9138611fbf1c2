package replica

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/cluster/raftlog"
)

// preparingMachine says of each entry that it applies whether it was prepared.
type preparingMachine struct {
	*testMachine
	prepared map[uint64]string
}

func (m *preparingMachine) Prepare(requests [][]byte) any { return string(requests[0][:3]) }

func (m *preparingMachine) ApplyPrepared(index uint64, micros int64, requests [][]byte, ahead any) (func(int) []byte, error) {
	m.prepared[index] = ahead.(string)
	return m.Apply(index, micros, requests)
}

func newPreparing(t *testing.T) (*preparingMachine, *Replica) {
	m := &preparingMachine{testMachine: newTestMachine(), prepared: map[uint64]string{}}
	r := newTestReplica(t, m)
	require.NotNil(t, r.preparation)
	return m, r
}

func largeEntry(index, term uint64, begin string) *raft.Log {
	request := append([]byte(begin), make([]byte, leastPrepared)...)
	return &raft.Log{Index: index, Term: term, Data: entry.Entry{Micros: 1, Requests: [][]byte{request}}.Encode()}
}

func (p *preparation) all() {
	for len(p.jobs) > 0 {
		if j := <-p.jobs; j.claimed.CompareAndSwap(false, true) {
			p.prepare(j)
		}
	}
}

func TestAnEntryIsPreparedWhileItIsWritten(t *testing.T) {
	m, r := newPreparing(t)
	log := preparedLog{raft.NewInmemStore(), r.preparation}
	small := &raft.Log{Index: 2, Term: 1, Data: entry.Entry{Micros: 1, Requests: [][]byte{[]byte("small")}}.Encode()}
	logs := []*raft.Log{largeEntry(1, 1, "one"), small, largeEntry(3, 1, "two"), largeEntry(4, 1, "wrong")}
	logs[3].Data = append(make([]byte, leastPrepared), logs[3].Data...) // no entry
	require.NoError(t, log.StoreLogs(logs))
	r.preparation.all()
	r.ApplyBatch(logs[:3])
	require.Equal(t, map[uint64]string{1: "one", 3: "two"}, m.prepared)
	require.False(t, r.broken)
	r.ApplyBatch(logs[3:])
	require.True(t, r.broken, "Apply says what is wrong with it")
}

func TestWhatNobodyHasBegunToPrepareIsAppliedAsItIs(t *testing.T) {
	m, r := newPreparing(t)
	l := largeEntry(1, 1, "one")
	r.preparation.offer([]*raft.Log{l})
	r.ApplyBatch([]*raft.Log{l})
	require.Equal(t, uint64(1), m.AppliedIndex())
	require.Empty(t, m.prepared)
	r.preparation.all() // it is nobody's any more
	require.Empty(t, r.preparation.waiting)
}

func TestAnEntryOfAnotherTermIsNotTheOneThatWasPrepared(t *testing.T) {
	m, r := newPreparing(t)
	r.preparation.offer([]*raft.Log{largeEntry(1, 1, "old")})
	r.preparation.all()
	l := largeEntry(1, 2, "new")
	r.ApplyBatch([]*raft.Log{l})
	require.Equal(t, uint64(1), m.AppliedIndex())
	require.Empty(t, m.prepared)
}

func TestNoMoreIsPreparedThanTheBound(t *testing.T) {
	m, r := newPreparing(t)
	var logs []*raft.Log
	for i := range uint64(2 * maxPrepared) {
		logs = append(logs, largeEntry(i+1, 1, "all"))
	}
	r.preparation.offer(logs)
	require.Len(t, r.preparation.waiting, maxPrepared)
	r.preparation.all()
	r.ApplyBatch(logs)
	require.Len(t, m.prepared, maxPrepared)
	require.Equal(t, uint64(2*maxPrepared), m.AppliedIndex())
	require.Empty(t, r.preparation.waiting)
	r.preparation.offer([]*raft.Log{largeEntry(2*maxPrepared+1, 1, "on")}) // and there is room again
	require.Len(t, r.preparation.waiting, 1)
}

// What is prepared is many times as large as the entry, so large entries have a bound in
// bytes; one that takes the place of another counts once.
func TestNoMoreBytesArePreparedThanTheBound(t *testing.T) {
	_, r := newPreparing(t)
	largest := func(index, term uint64) *raft.Log {
		l := largeEntry(index, term, "all")
		l.Data = entry.Entry{Micros: 1, Requests: [][]byte{make([]byte, queue.MaxRequestBytes)}}.Encode()
		return l
	}
	for term := range uint64(3) {
		r.preparation.offer([]*raft.Log{largest(1, term)})
	}
	require.Len(t, r.preparation.waiting, 1)
	for index := range uint64(maxPrepared) {
		r.preparation.offer([]*raft.Log{largest(index+2, 3)})
	}
	require.LessOrEqual(t, r.preparation.bytes, maxPreparedBytes)
	require.Greater(t, len(r.preparation.waiting), groupcommit.MaxInFlight)
	r.ApplyBatch([]*raft.Log{largest(maxPrepared+2, 3)})
	require.Zero(t, r.preparation.bytes)
}

func TestPreparationEndsWithItsContext(t *testing.T) {
	_, r := newPreparing(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.preparation.run(ctx) }()
	l := largeEntry(1, 1, "one")
	r.preparation.offer([]*raft.Log{l})
	r.ApplyBatch([]*raft.Log{l}) // by whomever it is done
	cancel()
	<-ended
	r.ApplyBatch([]*raft.Log{largeEntry(2, 1, "two")})
	require.False(t, r.broken)
}

func TestAMachineNeedNotPrepare(t *testing.T) {
	r := newTestReplica(t, newTestMachine())
	require.Nil(t, r.preparation)
	l := largeEntry(1, 1, "one")
	require.NoError(t, preparedLog{raft.NewInmemStore(), r.preparation}.StoreLog(l))
	r.ApplyBatch([]*raft.Log{l})
	require.False(t, r.broken)
}

func newTestReplica(t *testing.T, machine StateMachine) *Replica {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	watch := health.NewWatchdog(time.Hour, health.NewRunClock(time.Second), nil, func(error) {})
	r := New(ctx, machine, watch, func(error) {})
	r.Members = raftlog.NewConfigurations(nil)
	return r
}
