package cluster

import (
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// serialTransport sends heartbeats the way of all other messages, through
// raft's main goroutine. The library would handle them on the connection's
// goroutine, where they change term and state beside a main goroutine that is
// just writing entries under the old term: two different entries with the same
// index and term can get committed (hashicorp/raft#695). In return a member is
// silent while it writes, so the heartbeat time-out has to be well above a slow
// fsync.
type serialTransport struct{ *raft.NetworkTransport }

// SetHeartbeatHandler leaves the fast path out.
func (serialTransport) SetHeartbeatHandler(func(raft.RPC)) {}

var (
	_ raft.Transport   = serialTransport{}
	_ raft.WithPreVote = serialTransport{}
	_ raft.WithClose   = serialTransport{}
)

func newTransport(p *port, log hclog.Logger) serialTransport {
	return serialTransport{raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  raftStreams{p},
		MaxPool: raftPool,
		Timeout: raftTimeout,
		// One at a time: with pipelining a refusal by a follower can leave it
		// without entries for ever (hashicorp/raft#612), and it gains nothing
		// where entries are batches.
		MaxRPCsInFlight: 1,
		Logger:          log,
	})}
}

// raftConfig is our configuration in raft's words; nothing is left to a default
// that matters.
func raftConfig(cfg Config, log hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(cfg.ID)
	c.HeartbeatTimeout = cfg.HeartbeatTimeout
	c.ElectionTimeout = cfg.ElectionTimeout
	c.LeaderLeaseTimeout = cfg.LeaderLeaseTimeout
	c.CommitTimeout = cfg.CommitTimeout
	c.MaxAppendEntries = maxAppendEntries
	c.BatchApplyCh = true
	c.SnapshotInterval = cfg.SnapshotInterval
	c.SnapshotThreshold = cfg.SnapshotThreshold
	c.TrailingLogs = cfg.TrailingLogs
	c.NoSnapshotRestoreOnStart = true // the machine has its state on disk itself
	c.ShutdownOnRemove = true
	c.NoLegacyTelemetry = true
	c.Logger = log
	return c
}
