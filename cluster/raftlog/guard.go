package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/internal/latency"
)

// Memory knows up to which entry the log is final.
type Memory interface {
	Committed() uint64
	// Changed is called when entries were written, which will be committed soon.
	Changed()
}

// Log is a raft.LogStore that does not live with a disk that fails: it reports to
// the watchdog how long writes take, calls fatal on a write that fails, because an
// fsync that failed cannot be repeated, and on an entry that is not as it was
// written, which its checksum tells.
//
// It has no state of its own: raft writes from one goroutine and reads from any.
type Log struct {
	raft.LogStore
	Path     string // of its file, for messages
	Watch    *health.Watchdog
	Fatal    func(error)
	Memory   Memory
	Snapshot func() (index, term uint64) // of the last entry in the newest snapshot
	Took     *latency.Histogram          // of writes to the log; nil: nobody asks

	Configurations *Configurations // learns those that are read and written
}

// StoreLog implements raft.LogStore.
func (g *Log) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (g *Log) StoreLogs(logs []*raft.Log) error {
	sealed := seal(logs, g.Memory.Committed())
	began := time.Now()
	err := g.write("writing to the log", func() error { return g.LogStore.StoreLogs(sealed) })
	if g.Took != nil {
		g.Took.Observe(time.Since(began))
	}
	g.Memory.Changed()
	if err == nil {
		for _, l := range logs {
			g.Configurations.note(l)
		}
	}
	return err
}

// DeleteRange implements raft.LogStore. The end of the log is cut off when a
// leader has other entries in its place. That must never concern one that is
// known to be committed: then there are two histories, and somebody was told that
// what is in this one is final.
func (g *Log) DeleteRange(min, max uint64) error {
	if g.IsMonotonic() {
		max = g.spare(min, max)
	}
	behind, err := g.isBehindSnapshot(max)
	if committed := g.Memory.Committed(); min <= committed {
		if err == nil && !behind {
			err = fmt.Errorf("cluster: %w: the leader has other entries than this member from %d on, and entries up to %d were final",
				datadir.ErrDiverged, min, committed)
		}
		if err != nil {
			g.Fatal(err)
			return err
		}
	}
	if !behind {
		g.Configurations.cut(min)
	}
	return g.cut(min, max)
}

// cutEntries is how many entries are cut in one transaction, in which nobody can
// write: of the largest, those are 128 MiB.
const cutEntries = 256

// cut cuts entries off in pieces, so that a crash between two leaves a log without a
// hole: from the beginning on, or from the end.
func (g *Log) cut(from, to uint64) error {
	first, err := g.FirstIndex()
	if err != nil {
		return err
	}
	if g.IsMonotonic() { // segments: a small write, however many
		return g.write("cutting the log", func() error { return g.LogStore.DeleteRange(from, to) })
	}
	for fromStart := from <= first; from <= to; {
		low, high := from, to
		if fromStart {
			high = low + min(to-low, cutEntries-1)
			from = high + 1
		} else {
			low = high - min(high-low, cutEntries-1)
			to = low - 1 // not below 0: something is before from
		}
		if err := g.write("cutting the log", func() error { return g.LogStore.DeleteRange(low, high) }); err != nil {
			return err
		}
	}
	return nil
}

// isBehindSnapshot tells whether the log goes on, or a snapshot takes its place,
// after an entry up to which it is cut.
func (g *Log) isBehindSnapshot(upTo uint64) (bool, error) {
	last, err := g.LastIndex()
	snapshot, _ := g.Snapshot()
	return upTo < last || upTo <= snapshot, err
}

// IsMonotonic implements raft.MonotonicLogStore: whether the log can have no holes.
func (g *Log) IsMonotonic() bool {
	s, ok := g.LogStore.(raft.MonotonicLogStore)
	return ok && s.IsMonotonic()
}

// spare is up to where the log is cut when raft empties it, which it does when it has
// taken a snapshot and the log can have no holes. Entries behind the snapshot may have
// been acknowledged, for the snapshot may be late, and raft goes on as if they were there.
// They stay where the log agrees with the snapshot at its end, and so does the entry there:
// a leader that has others behind it asks for that one. They stay, too, where the log begins
// behind the end: then it was emptied for this snapshot before.
func (g *Log) spare(from, to uint64) uint64 {
	first, err := g.FirstIndex()
	last, lastErr := g.LastIndex()
	index, term := g.Snapshot()
	if err != nil || lastErr != nil || from > first || to < last || index+1 < first || index >= last {
		return to
	}
	if index+1 == first {
		return index
	}
	if l := new(raft.Log); g.GetLog(index, l) == nil && l.Term == term {
		return index - 1
	}
	return to
}

func (g *Log) write(what string, f func() error) error { return write(g.Watch, g.Fatal, what, f) }

// write does a write under watch; that it fails is fatal.
func write(watch *health.Watchdog, fatal func(error), what string, f func() error) error {
	err := watch.During(what, f)
	if err != nil {
		fatal(fmt.Errorf("cluster: %s: %w", what, err))
	}
	return err
}

// GetLog implements raft.LogStore.
func (g *Log) GetLog(index uint64, l *raft.Log) error {
	err := g.LogStore.GetLog(index, l)
	if err == nil {
		_, err = unseal(index, l)
	}
	switch {
	case err == nil:
		g.Configurations.read(l)
	case !errors.Is(err, raft.ErrLogNotFound):
		err = datadir.Damaged(g.Path, fmt.Errorf("entry %d: %w", index, err))
		g.Fatal(err)
	}
	return err
}

// Committed is what the last record says was committed when it was written.
func (g *Log) Committed() (index uint64, err error) {
	last, err := g.LastIndex()
	if err != nil || last == 0 {
		return 0, err
	}
	err = Guard(func() error {
		var l raft.Log
		if err := g.LogStore.GetLog(last, &l); err != nil {
			return err
		}
		index, err = unseal(last, &l)
		return err
	})
	if err != nil {
		return 0, datadir.Damaged(g.Path, fmt.Errorf("entry %d: %w", last, err))
	}
	return index, nil
}

// sealLength is what stands behind the extensions of a record.
const sealLength = 8 + crc32.Size

// seal returns copies of entries with two numbers behind the extensions of each: the
// last entry known to be committed, so that a crash does not make this member
// forget it; and a checksum, for neither bbolt nor raft has one: a flipped bit
// would make this member differ. All of them have their memory in one piece.
func seal(logs []*raft.Log, committed uint64) []*raft.Log {
	room := headLength
	for _, l := range logs {
		room += len(l.Extensions) + sealLength
	}
	copies, sealed, memory := make([]raft.Log, len(logs)), make([]*raft.Log, len(logs)), make([]byte, headLength, room)
	head := memory[:headLength]
	for i, l := range logs {
		at := len(memory)
		memory = append(memory, l.Extensions...)
		memory = binary.BigEndian.AppendUint64(memory, committed)
		memory = binary.BigEndian.AppendUint32(memory, recordSum(l, memory[len(memory)-8:], head))
		copies[i] = *l
		copies[i].Extensions = memory[at:len(memory):len(memory)]
		sealed[i] = &copies[i]
	}
	return sealed
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
	if binary.BigEndian.Uint32(seal[8:]) != recordSum(l, seal[:8], make([]byte, headLength)) {
		return 0, errors.New("its checksum does not match")
	}
	return committed, nil
}

// recordSum covers an entry and what else stands in its record: what was committed, in
// the bytes that stand there. head is memory for it.
func recordSum(l *raft.Log, committed, head []byte) uint32 {
	return crc32.Update(checksum(l, head), crc32.MakeTable(crc32.Castagnoli), committed)
}

// Checksum covers all of an entry that means something. It is the same on every
// member.
func Checksum(l *raft.Log) uint32 { return checksum(l, make([]byte, headLength)) }

// headLength is what the checksum covers of an entry besides data and extensions.
const headLength = 8 + 8 + 1

func checksum(l *raft.Log, head []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.BigEndian.PutUint64(head, l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	sum := crc32.Update(crc32.Checksum(head, table), table, l.Data)
	return crc32.Update(sum, table, l.Extensions)
}

// Votes does for the vote file what Log does for the log. raft itself only logs a
// vote that could not be stored, and then may cast another.
type Votes struct {
	raft.StableStore
	Watch *health.Watchdog
	Fatal func(error)
}

// Set implements raft.StableStore.
func (g *Votes) Set(key, value []byte) error {
	return g.write(func() error { return g.StableStore.Set(key, value) })
}

// SetUint64 implements raft.StableStore.
func (g *Votes) SetUint64(key []byte, value uint64) error {
	return g.write(func() error { return g.StableStore.SetUint64(key, value) })
}

func (g *Votes) write(f func() error) error { return write(g.Watch, g.Fatal, "writing a vote", f) }
