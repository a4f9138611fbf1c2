package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/hashicorp/raft"
)

// guardedLog is a raft.LogStore that does not live with a disk that fails: it
// reports to the watchdog how long writes take, calls fatal on a write that
// fails, because an fsync that failed cannot be repeated, and on an entry that
// is not as it was written, which its checksum tells.
type guardedLog struct {
	raft.LogStore
	path  string // of its file, for messages
	watch *watchdog
	fatal func(error)
}

// StoreLog implements raft.LogStore.
func (g *guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (g *guardedLog) StoreLogs(logs []*raft.Log) error {
	sealed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		sealed[i] = seal(l)
	}
	return g.write("writing to the log", func() error { return g.LogStore.StoreLogs(sealed) })
}

// DeleteRange implements raft.LogStore.
func (g *guardedLog) DeleteRange(min, max uint64) error {
	return g.write("cutting the log", func() error { return g.LogStore.DeleteRange(min, max) })
}

func (g *guardedLog) write(what string, f func() error) error {
	err := g.watch.during(what, f)
	if err != nil {
		g.fatal(fmt.Errorf("cluster: %s: %w", what, err))
	}
	return err
}

// GetLog implements raft.LogStore.
func (g *guardedLog) GetLog(index uint64, l *raft.Log) error {
	err := g.LogStore.GetLog(index, l)
	if err == nil {
		err = unseal(index, l)
	}
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		err = damaged(g.path, fmt.Errorf("entry %d: %w", index, err))
		g.fatal(err)
	}
	return err
}

// seal returns a copy of the entry with a checksum behind its extensions, for
// neither bbolt nor raft has one: a flipped bit would make this member differ.
func seal(l *raft.Log) *raft.Log {
	sealed := *l
	sealed.Extensions = binary.BigEndian.AppendUint32(slices.Clip(l.Extensions), checksum(l))
	return &sealed
}

// unseal checks an entry as it was read and takes the checksum off again.
func unseal(index uint64, l *raft.Log) error {
	at := len(l.Extensions) - crc32.Size
	if at < 0 || l.Index != index {
		return errors.New("it is not what was written")
	}
	stored := binary.BigEndian.Uint32(l.Extensions[at:])
	l.Extensions = l.Extensions[:at]
	if stored != checksum(l) {
		return errors.New("its checksum does not match")
	}
	return nil
}

// checksum covers all of an entry that means something.
func checksum(l *raft.Log) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	head := binary.BigEndian.AppendUint64(nil, l.Index)
	head = binary.BigEndian.AppendUint64(head, l.Term)
	head = append(head, byte(l.Type))
	sum := crc32.Update(crc32.Checksum(head, table), table, l.Data)
	return crc32.Update(sum, table, l.Extensions)
}

// guardedVotes does for the vote file what guardedLog does for the log. raft
// itself only logs a vote that could not be stored, and then may cast another.
type guardedVotes struct {
	raft.StableStore
	watch *watchdog
	fatal func(error)
}

// Set implements raft.StableStore.
func (g *guardedVotes) Set(key, value []byte) error {
	return g.write(func() error { return g.StableStore.Set(key, value) })
}

// SetUint64 implements raft.StableStore.
func (g *guardedVotes) SetUint64(key []byte, value uint64) error {
	return g.write(func() error { return g.StableStore.SetUint64(key, value) })
}

func (g *guardedVotes) write(f func() error) error {
	err := g.watch.during("writing a vote", f)
	if err != nil {
		g.fatal(fmt.Errorf("cluster: writing a vote: %w", err))
	}
	return err
}
