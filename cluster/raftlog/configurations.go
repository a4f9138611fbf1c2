package raftlog

import (
	"cmp"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// maxConfigurations bounds those that are kept. Between the entry that is applied and
// the last one in the log there are a few, for a change waits for the one before.
const maxConfigurations = 64

// Configured is who the members are from an entry of the log on.
type Configured struct {
	Index   uint64
	Servers []raft.Server
}

// Configurations are those in the log, with the one in the newest snapshot. raft has
// them too, and does not tell their indexes. They are found as raft reads its log when
// it starts, and as entries are written.
//
// Safe for concurrent use; mu guards list. Changed gets a token whenever the latest may
// be another one.
type Configurations struct {
	Changed chan struct{}

	mu      sync.Mutex
	list    []Configured // lowest index first
	scanned bool         // those that the log had at the start are known
}

// NewConfigurations begins with the one of the newest snapshot, if there is one.
func NewConfigurations(snapshot *raft.SnapshotMeta) *Configurations {
	c := &Configurations{Changed: make(chan struct{}, 1)}
	if snapshot != nil {
		c.add(Configured{snapshot.ConfigurationIndex, snapshot.Configuration.Servers})
	}
	return c
}

// Latest is the last one in the log, which need not be committed; false for none.
func (c *Configurations) Latest() (Configured, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == 0 {
		return Configured{}, false
	}
	return c.list[len(c.list)-1], true
}

// At is the one in force once the entry with that index is applied; false for none.
func (c *Configurations) At(index uint64) (Configured, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range slices.Backward(c.list) {
		if one.Index <= index {
			return one, true
		}
	}
	return Configured{}, false
}

// Restored notes that a snapshot has taken the place of the log up to its end.
func (c *Configurations) Restored(snapshot *raft.SnapshotMeta) {
	c.mu.Lock()
	c.list = slices.DeleteFunc(c.list, func(one Configured) bool { return one.Index <= snapshot.Index })
	c.mu.Unlock()
	c.add(Configured{snapshot.ConfigurationIndex, snapshot.Configuration.Servers})
}

// Scanned ends the look at what the log had at the start: what is read later is known.
func (c *Configurations) Scanned() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scanned = true
}

// read takes an entry that was read.
func (c *Configurations) read(l *raft.Log) {
	if l.Type != raft.LogConfiguration {
		return
	}
	c.mu.Lock()
	known := c.scanned
	c.mu.Unlock()
	if !known {
		c.note(l)
	}
}

// note takes an entry that was written.
func (c *Configurations) note(l *raft.Log) {
	if l.Type == raft.LogConfiguration {
		c.add(Configured{l.Index, raft.DecodeConfiguration(l.Data).Servers})
	}
}

func (c *Configurations) add(one Configured) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, found := slices.BinarySearchFunc(c.list, one.Index, func(x Configured, index uint64) int { return cmp.Compare(x.Index, index) })
	if found {
		c.list[at] = one
	} else {
		c.list = slices.Insert(c.list, at, one)
	}
	if len(c.list) > maxConfigurations {
		c.list = slices.Delete(c.list, 0, len(c.list)-maxConfigurations)
	}
	c.signal()
}

// cut forgets those in entries that the log has dropped at its end.
func (c *Configurations) cut(from uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(one Configured) bool { return one.Index >= from })
	c.signal()
}

func (c *Configurations) signal() {
	select {
	case c.Changed <- struct{}{}:
	default:
	}
}
