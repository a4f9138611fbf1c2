package cluster

import (
	"context"
	"time"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/cluster/health"
)

// LogBytes is how large the entries in this member's log are together.
func (m *Member) LogBytes() uint64 { return m.store.log.Bytes() }

// LogName is the name of the file, or folder, in Config.Dir that has the log.
func (m *Member) LogName() string { return m.store.dir.Identity().LogStore().Name() }

// keepLogSmall bounds the log in bytes, where raft counts entries only, and gives back
// what a burst has left of its file, until ctx ends.
func (m *Member) keepLogSmall(ctx context.Context) {
	tick := time.NewTicker(logPeriod)
	defer tick.Stop()
	var pause time.Time // what failed is not tried again before
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if now.Before(pause) {
				continue
			}
			if err := m.boundLog(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("the log is larger than it should be, and cannot be cut", "bytes", m.LogBytes(), "error", err)
				pause = now.Add(logPause)
			}
			if err := m.shrinkLog(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("the file of the log stays larger than it need be", "error", err)
				pause = now.Add(logPause)
			}
		}
	}
}

// boundLog has raft keep as many entries behind a snapshot as have half of LogBytes,
// TrailingLogs at most, and take one when all have more than LogBytes. That leaves at
// least LogBytes / 2 / queue.MaxEntryBytes entries, far more than can be in conflict
// (hashicorp/raft#697): those of a few leaderships, groupcommit.MaxInFlight each.
func (m *Member) boundLog(ctx context.Context) error {
	bytes, keep := m.LogBytes(), m.cfg.TrailingLogs
	if bytes > m.cfg.LogBytes/2 {
		keep = min(keep, m.store.log.Newest(m.cfg.LogBytes/2))
	}
	if c := m.raft.ReloadableConfig(); c.TrailingLogs != keep {
		c.TrailingLogs = keep
		if err := m.raft.ReloadConfig(c); err != nil {
			return err
		}
	}
	if bytes <= m.cfg.LogBytes {
		return nil
	}
	return groupcommit.Await(ctx, m.raft.Snapshot())
}

// shrinkLog writes the log anew where most of its file is unused and the disk has
// room for both.
func (m *Member) shrinkLog(ctx context.Context) error {
	need, wasteful := m.store.log.Wasteful()
	if free := m.room().Free; !wasteful || free > 0 && free < need+health.Spare {
		return nil
	}
	began := time.Now()
	if err := m.store.log.Shrink(ctx); err != nil {
		return err
	}
	m.log.Info("the file of the log was written anew, for most of it was unused", "bytes", need, "took", time.Since(began))
	return nil
}
