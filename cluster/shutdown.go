package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Shutdown stops the member so that nobody has to wonder about an outcome: it
// takes no more requests, finishes those it took, hands leadership over, and
// only then stops. When ctx ends it skips the rest of the courtesies; what is
// still under way then has an unknown outcome. It always stops the member,
// unless the disk hangs. Further calls return the same.
func (m *Member) Shutdown(ctx context.Context) error {
	m.stopping.Do(func() { m.stopErr = m.shutdown(ctx) })
	return m.stopErr
}

// Abandon cuts this member off from the others, and answers nobody any more. It is
// for after Config.Fatal in a process that lives on: the disk may hang, so that
// nothing can be stopped in order, and the heartbeats of a leader that hangs would
// keep the others waiting. Files and some goroutines stay until the process ends.
// It may wait for a goroutine that hangs.
func (m *Member) Abandon() {
	m.queue.Close()
	m.cancel()
	_ = m.port.Close() // nobody is left to whom it would matter
}

func (m *Member) shutdown(ctx context.Context) error {
	m.queue.Close()
	drained := m.queue.WaitDrained(ctx)
	if drained != nil {
		m.queue.WithdrawAll(outcome.ShuttingDown)
		drained = fmt.Errorf("cluster: requests were still under way: %w", drained)
	}
	m.handOver(ctx)
	m.port.Quiesce()
	m.peers.Stop()
	m.cancel()
	m.running.Wait()
	for _, o := range m.observer {
		m.raft.DeregisterObserver(o)
	}
	err := m.stopRaft(ctx)
	close(m.stopped)
	if err != nil {
		// raft's goroutines may still use the files, so they stay open; the
		// process is about to end.
		return errors.Join(drained, err)
	}
	return errors.Join(drained, m.store.close())
}

// handOver makes another member the leader, so that the others need not notice
// by a time-out that this one is gone. It is only done on the way out: a
// transfer that is interrupted can leave a member that refuses all requests if
// it leads again (hashicorp/raft#696).
func (m *Member) handOver(ctx context.Context) {
	for range transferAttempts {
		if ctx.Err() != nil || !m.IsLeader() || len(m.roster.Latest().Voters()) == 1 {
			return
		}
		err := groupcommit.Await(ctx, m.raft.LeadershipTransfer())
		if err == nil {
			return
		}
		m.log.Warn("handing leadership over failed", "error", err)
	}
}

// stopRaft ends raft and all connections. The connections go first, because raft
// waits for calls to members that may not answer.
func (m *Member) stopRaft(ctx context.Context) error {
	stopped := m.raft.Shutdown()
	closed := errors.Join(m.transport.Close(), m.port.Close())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.DiskStall)
	defer cancel()
	if err := groupcommit.Await(ctx, stopped); err != nil {
		return fmt.Errorf("cluster: raft does not stop: %w", err)
	}
	// raft does not wait for what this member wrote as a leader, and closing the log does.
	if err := m.store.ahead.Await(ctx, math.MaxUint64); ctx.Err() != nil {
		return fmt.Errorf("cluster: the log is not written: %w", err)
	}
	m.settle()
	return closed
}

// settle waits for those who wait for raft. It has answered by now, except for
// entries that it held in a buffer when it stopped: those it never answers.
func (m *Member) settle() {
	done := make(chan struct{})
	go func() { m.batcher.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(settleTimeout):
		m.log.Warn("raft did not answer for all entries")
	}
}

// release undoes a start that failed.
func (m *Member) release() {
	m.cancel()
	if m.port != nil {
		_ = m.port.Close() // why it did not start is what counts
	}
	m.running.Wait()
	if m.store != nil {
		if err := m.store.close(); err != nil {
			m.log.Warn("closing after a failed start", "error", err)
		}
	}
}
