package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/loopback"
	"github.com/bpsc/bpsc/internal/release"
)

// Config is everything a member needs to know. Start from DefaultConfig.
type Config struct {
	ID   string // this member's id
	Dir  string // data folder of the raft side: log, vote, identity, snapshots/
	Bind string // listen address host:port, where the address that the others know leads to

	// Peers are the founders of the cluster, this member included, the same list on
	// each. It counts on the first start only, when the cluster id is derived from
	// it; afterwards the log says who the members are.
	Peers []roster.Peer
	// Join has a first start wait until the members of a cluster add this one.
	Join bool
	// TwoVoters has a cluster begin with two founders, of whom neither may fail.
	TwoVoters bool

	// PromoteLag and PromoteAfter say when a member that was added has caught up and
	// gets a vote: once its state has been within so many entries of the leader's log
	// for so long.
	PromoteLag   uint64
	PromoteAfter time.Duration
	// MayVote tells whether the state has all that a voter of that identity needs.
	// When nil, it has. Like Removed and Settled it must not wait.
	MayVote func(identity.Identity) bool
	// Removed tells whether the state says that a member of that identity was removed,
	// and is none any more for ever. When nil, nobody was.
	Removed func(identity.Identity) bool
	// Settled says what has to follow from the last change of the members before the
	// next one, or before a member is removed. When nil, nothing.
	Settled func() error

	// Departed tells whether the state says that members of that id were removed, and
	// knows none that was not. When nil, nobody did.
	Departed func(id string) bool

	// Security is how connections between members are protected. Without certificates
	// Bind has to be a loopback address, unless Insecure.
	Security port.Security
	Insecure bool

	// HeartbeatTimeout is how long a member that hears no leader waits
	// before it stands for election (up to twice that, at random). Lower means
	// faster failover; below five times the slowest usual fsync it means
	// elections that a busy disk caused by itself.
	HeartbeatTimeout time.Duration
	// ElectionTimeout is how long a candidate waits for votes; at least
	// HeartbeatTimeout.
	ElectionTimeout time.Duration
	// LeaderLeaseTimeout is how long a leader goes on that hears nothing from
	// a majority; at most HeartbeatTimeout.
	LeaderLeaseTimeout time.Duration
	// CommitTimeout is how often raft tells an idle member the last commit index, which
	// it has been told before (announcer), unless that was lost.
	CommitTimeout time.Duration

	// SnapshotInterval is how often (up to twice that, at random) a member
	// looks whether SnapshotThreshold entries have gathered since its last
	// snapshot, and then takes one and cuts the log behind it, keeping
	// TrailingLogs entries for members that lag.
	SnapshotInterval  time.Duration
	SnapshotThreshold uint64
	TrailingLogs      uint64
	// LogStore is how the log is kept, "bolt" or "wal"; when empty, as it is in the
	// directory. A log that is in the other one is moved when the member starts.
	LogStore string
	// LogBytes bounds the log in bytes: with more a member takes a snapshot at
	// once, and keeps no more entries than have half of it.
	LogBytes uint64

	// DiskStall is how long one write to the log or the vote may take before
	// the process must die: a leader that hangs in a write keeps the others
	// quiet by its heartbeats, and nobody else can step in (hashicorp/raft#503).
	DiskStall time.Duration

	// ClockBound is how far a member's wall clock may be from those of most
	// members: one that is further off does not lead, and no entry's time is
	// further ahead of a majority's clocks. Every machine that keeps its time by
	// NTP is well below a second, even while a leap second is smeared; holds and
	// the time by which a transaction must be applied count in seconds.
	ClockBound time.Duration

	// Fatal is called once, when the member cannot trust its disk or its state.
	// It must not return: it ends the process, or keeps its caller for ever and has
	// another goroutine call Abandon. When nil, the member panics.
	Fatal func(error)

	// Condition is how a member is as far as its owner knows: errors say why it
	// cannot serve, and why it signs nothing. Others see it in its status. When
	// nil, it can serve when Ready says so. It must not wait.
	Condition func() (ready, signing error)

	// Room is how much the disk has left; always enough when nil. It must not wait.
	Room func() health.Room

	// Release is what this member tells the others about its version and its levels.
	// One whose state is on a level that this binary does not know ends this member.
	// When nil, it tells nothing. It must not wait.
	Release func() release.Standing

	// Certificates are those that this member shows, for others to see when they end. When
	// nil, it has none. It must not wait.
	Certificates func() []status.Certificate

	Logger *slog.Logger // slog.Default() when nil

	// wall is what the wall clock shows, in unix microseconds; tests set it.
	wall func(time.Time) int64
	// ask is used instead of firstStartTimeout; tests set it.
	ask time.Duration
	// dialer is used instead of the operating system's; tests set it.
	dialer func(ctx context.Context, network, addr string) (net.Conn, error)
	// listener is used instead of listening on Bind; tests set it.
	listener net.Listener
	// disk stands between the log and its file; tests set it.
	disk func(raft.LogStore) raft.LogStore
}

// DefaultConfig returns a Config for a local network and disks that sync in a
// few milliseconds; the caller fills in ID, Dir, Bind and Peers.
func DefaultConfig() Config {
	return Config{
		HeartbeatTimeout:   time.Second,
		ElectionTimeout:    time.Second,
		LeaderLeaseTimeout: time.Second,
		CommitTimeout:      200 * time.Millisecond,
		SnapshotInterval:   30 * time.Second,
		SnapshotThreshold:  8192,
		// A replica whose log conflicts at a snapshot's last index is never
		// mended by snapshots (hashicorp/raft#697), so the log must reach back
		// further than any conflict.
		TrailingLogs: 10240,
		// Half is twenty seconds of the heaviest load, for members that restart; the
		// other half is that again between two snapshots.
		LogBytes:     256 << 20,
		LogStore:     string(datadir.Bolt),
		DiskStall:    10 * time.Second,
		ClockBound:   time.Second,
		PromoteLag:   100,
		PromoteAfter: 5 * time.Second,
	}
}

// Files is how many files a member has open at most, connections included.
func (c Config) Files() int {
	return ownFiles + port.MaxConns(MaxMembers-1)
}

// Validate reports the first thing that is wrong with the configuration.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("cluster: Dir is empty")
	}
	if err := identity.Valid(c.ID); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if err := c.validatePeers(); err != nil {
		return err
	}
	if c.listener == nil {
		if _, _, err := net.SplitHostPort(c.Bind); err != nil {
			return fmt.Errorf("cluster: Bind: %w", err)
		}
		if c.Security.Certificates == nil && !c.Insecure && !loopback.Listens(c.Bind) {
			return fmt.Errorf("cluster: %w: %s is not a loopback address", ErrPlain, c.Bind)
		}
	}
	if c.LogStore != "" {
		if _, err := datadir.ParseLogStore(c.LogStore); err != nil {
			return fmt.Errorf("cluster: LogStore: %w", err)
		}
	}
	return c.validateTimes()
}

func (c Config) validatePeers() error {
	ids, addrs := map[string]bool{}, map[string]bool{}
	for _, p := range c.Peers {
		switch err := identity.Valid(p.ID); {
		case err != nil:
			return fmt.Errorf("cluster: peers: %w", err)
		case ids[p.ID]:
			return fmt.Errorf("cluster: peer id %q is listed twice", p.ID)
		case addrs[p.Addr]:
			return fmt.Errorf("cluster: peer address %q is listed twice", p.Addr)
		case !roster.Reachable(p.Addr):
			return fmt.Errorf("cluster: address %q of peer %q is not a host:port that others can reach", p.Addr, p.ID)
		}
		ids[p.ID], addrs[p.Addr] = true, true
	}
	switch {
	case len(c.Peers) > MaxMembers:
		return fmt.Errorf("cluster: %d peers, at most %d are supported", len(c.Peers), MaxMembers)
	case len(c.Peers) > 0 && !ids[c.ID] && !c.Join:
		return fmt.Errorf("cluster: member %q is not in the list of peers", c.ID)
	}
	return nil
}

func (c Config) validateTimes() error {
	const shortest = 5 * time.Millisecond // raft's own lower bound
	switch {
	case c.HeartbeatTimeout < shortest:
		return fmt.Errorf("cluster: HeartbeatTimeout %v is below %v", c.HeartbeatTimeout, shortest)
	case c.ElectionTimeout < c.HeartbeatTimeout:
		return fmt.Errorf("cluster: ElectionTimeout %v is below HeartbeatTimeout %v", c.ElectionTimeout, c.HeartbeatTimeout)
	case c.LeaderLeaseTimeout < shortest || c.LeaderLeaseTimeout > c.HeartbeatTimeout:
		return fmt.Errorf("cluster: LeaderLeaseTimeout %v is not between %v and HeartbeatTimeout %v",
			c.LeaderLeaseTimeout, shortest, c.HeartbeatTimeout)
	case c.CommitTimeout < time.Millisecond:
		return fmt.Errorf("cluster: CommitTimeout %v is below 1ms", c.CommitTimeout)
	case c.SnapshotInterval < shortest:
		return fmt.Errorf("cluster: SnapshotInterval %v is below %v", c.SnapshotInterval, shortest)
	case c.SnapshotThreshold == 0:
		return errors.New("cluster: SnapshotThreshold is zero")
	case c.LogBytes < minLogBytes:
		return fmt.Errorf("cluster: LogBytes %d is below %d", c.LogBytes, minLogBytes)
	case c.ClockBound < clock.MinBound:
		return fmt.Errorf("cluster: ClockBound %v is below %v", c.ClockBound, clock.MinBound)
	case c.PromoteAfter < 0:
		return fmt.Errorf("cluster: PromoteAfter %v is negative", c.PromoteAfter)
	case c.DiskStall < c.HeartbeatTimeout:
		return fmt.Errorf("cluster: DiskStall %v is below HeartbeatTimeout %v", c.DiskStall, c.HeartbeatTimeout)
	}
	return nil
}

// listen opens the member's port. Go sets SO_REUSEADDR, so a restarted process gets
// its port back at once.
func (c Config) listen() (net.Listener, error) {
	if c.listener != nil {
		return c.listener, nil
	}
	l, err := net.Listen("tcp", c.Bind)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return l, nil
}

// leaderGrace is how long requests wait for a leader.
func (c Config) leaderGrace() time.Duration { return leaderlessGrace * c.ElectionTimeout }

// raftConfig is our configuration as raft takes it; nothing is left to a default
// that matters.
func raftConfig(cfg Config, name string, log hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(name)
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
	c.ShutdownOnRemove = false        // a member that finds itself removed ends by itself
	c.NoLegacyTelemetry = true
	c.Logger = log
	return c
}
