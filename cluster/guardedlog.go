package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/snapshot"
)

// guardedLog is a raft.LogStore that does not live with a disk that fails: it
// reports to the watchdog how long writes take, calls fatal on a write that
// fails, because an fsync that failed cannot be repeated, and on an entry that
// is not as it was written, which its checksum tells.
type guardedLog struct {
	raft.LogStore
	path      string // of its file, for messages
	watch     *health.Watchdog
	fatal     func(error)
	memory    *memory
	snapshots *snapshot.Store
}

// StoreLog implements raft.LogStore.
func (g *guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (g *guardedLog) StoreLogs(logs []*raft.Log) error {
	sealed, committed := make([]*raft.Log, len(logs)), g.memory.committed()
	for i, l := range logs {
		sealed[i] = seal(l, committed)
	}
	err := g.write("writing to the log", func() error { return g.LogStore.StoreLogs(sealed) })
	poke(g.memory.wake) // they will be committed soon
	return err
}

// DeleteRange implements raft.LogStore. The end of the log is cut off when a
// leader has other entries in its place. That must never concern one that is
// known to be committed: then there are two histories, and somebody was told that
// what is in this one is final.
func (g *guardedLog) DeleteRange(min, max uint64) error {
	if committed := g.memory.committed(); min <= committed {
		behind, err := g.isBehindSnapshot(max)
		if err == nil && !behind {
			err = fmt.Errorf("cluster: %w: the leader has other entries than this member from %d on, and entries up to %d were final",
				ErrDiverged, min, committed)
		}
		if err != nil {
			g.fatal(err)
			return err
		}
	}
	return g.write("cutting the log", func() error { return g.LogStore.DeleteRange(min, max) })
}

// isBehindSnapshot tells whether the log goes on, or a snapshot takes its place,
// after an entry up to which it is cut.
func (g *guardedLog) isBehindSnapshot(upTo uint64) (bool, error) {
	last, err := g.LastIndex()
	newest, _ := g.snapshots.Newest()
	return upTo < last || upTo <= newest.Index, err
}

func (g *guardedLog) write(what string, f func() error) error {
	err := g.watch.During(what, f)
	if err != nil {
		g.fatal(fmt.Errorf("cluster: %s: %w", what, err))
	}
	return err
}

// GetLog implements raft.LogStore.
func (g *guardedLog) GetLog(index uint64, l *raft.Log) error {
	err := g.LogStore.GetLog(index, l)
	if err == nil {
		_, err = unseal(index, l)
	}
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		err = datadir.Damaged(g.path, fmt.Errorf("entry %d: %w", index, err))
		g.fatal(err)
	}
	return err
}

// committed is what the last record says was committed when it was written.
func (g *guardedLog) committed() (index uint64, err error) {
	last, err := g.LastIndex()
	if err != nil || last == 0 {
		return 0, err
	}
	err = guarded(func() error {
		var l raft.Log
		if err := g.LogStore.GetLog(last, &l); err != nil {
			return err
		}
		index, err = unseal(last, &l)
		return err
	})
	if err != nil {
		return 0, datadir.Damaged(g.path, fmt.Errorf("entry %d: %w", last, err))
	}
	return index, nil
}

// sealLength is what stands behind the extensions of a record.
const sealLength = 8 + crc32.Size

// seal returns a copy of the entry with two numbers behind its extensions: the
// last entry known to be committed, so that a crash does not make this member
// forget it; and a checksum, for neither bbolt nor raft has one: a flipped bit
// would make this member differ.
func seal(l *raft.Log, committed uint64) *raft.Log {
	sealed := *l
	sealed.Extensions = binary.BigEndian.AppendUint64(slices.Clip(l.Extensions), committed)
	sealed.Extensions = binary.BigEndian.AppendUint32(sealed.Extensions, recordSum(l, committed))
	return &sealed
}

// unseal checks an entry as it was read and takes the seal off again.
func unseal(index uint64, l *raft.Log) (committed uint64, err error) {
	at := len(l.Extensions) - sealLength
	if at < 0 || l.Index != index {
		return 0, errors.New("it is not what was written")
	}
	seal := l.Extensions[at:]
	l.Extensions = l.Extensions[:at]
	committed = binary.BigEndian.Uint64(seal)
	if binary.BigEndian.Uint32(seal[8:]) != recordSum(l, committed) {
		return 0, errors.New("its checksum does not match")
	}
	return committed, nil
}

// recordSum covers an entry and what else stands in its record.
func recordSum(l *raft.Log, committed uint64) uint32 {
	return crc32.Update(checksum(l), crc32.MakeTable(crc32.Castagnoli), binary.BigEndian.AppendUint64(nil, committed))
}

// checksum covers all of an entry that means something. It is the same on every
// member.
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
	watch *health.Watchdog
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
	err := g.watch.During("writing a vote", f)
	if err != nil {
		g.fatal(fmt.Errorf("cluster: writing a vote: %w", err))
	}
	return err
}
