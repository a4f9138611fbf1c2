package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/roster"
)

// Settings on which safety depends.
func TestRaftConfig(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ID = "a"
	c := raftConfig(cfg, "a", hclog.NewNullLogger())
	if err := raft.ValidateConfig(c); err != nil {
		t.Error(err)
	}
	if c.PreVoteDisabled || !c.NoSnapshotRestoreOnStart || !c.BatchApplyCh || c.NotifyCh != nil {
		t.Errorf("%+v", c)
	}
}

func TestConfigValidate(t *testing.T) {
	good := func() Config {
		c := DefaultConfig()
		c.ID, c.Dir, c.Bind = "a", "d", "127.0.0.1:7000"
		c.Peers = []roster.Peer{{ID: "a", Addr: "h1:7000"}, {ID: "b", Addr: "h2:7000"}}
		return c
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Config){
		"no directory":       func(c *Config) { c.Dir = "" },
		"not a peer":         func(c *Config) { c.ID = "z" },
		"two of one id":      func(c *Config) { c.Peers[1].ID = "a" },
		"two of one address": func(c *Config) { c.Peers[1].Addr = "h1:7000" },
		"no port":            func(c *Config) { c.Peers[1].Addr = "h2" },
		"no host":            func(c *Config) { c.Peers[1].Addr = ":7000" },
		"bad bind":           func(c *Config) { c.Bind = "7000" },
		"plain on a network": func(c *Config) { c.Bind = ":7000" },
		"long id":            func(c *Config) { c.Peers[1].ID = strings.Repeat("x", 65) },
		"too many":           func(c *Config) { c.Peers = make([]roster.Peer, 10); fill(c.Peers) },
		"short heartbeat":    func(c *Config) { c.HeartbeatTimeout = 1 },
		"election < heart":   func(c *Config) { c.ElectionTimeout = c.HeartbeatTimeout / 2 },
		"lease > heartbeat":  func(c *Config) { c.LeaderLeaseTimeout = 2 * c.HeartbeatTimeout },
		"no commit time-out": func(c *Config) { c.CommitTimeout = 0 },
		"no interval":        func(c *Config) { c.SnapshotInterval = 0 },
		"no threshold":       func(c *Config) { c.SnapshotThreshold = 0 },
		"stall < heartbeat":  func(c *Config) { c.DiskStall = time.Millisecond },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			c := good()
			spoil(&c)
			if c.Validate() == nil {
				t.Error("it passes")
			}
		})
	}
}

func fill(peers []roster.Peer) {
	for i := range peers {
		peers[i] = roster.Peer{ID: string(rune('a' + i)), Addr: "h:" + string(rune('1'+i))}
	}
}
