package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
)

// logDisk stands between a member's log and its file, which is bbolt's own, on a real file
// system. A write is a step: it takes a time, and is done at its beginning or at its end.
// Where the member is killed or loses power in between, its file is left as a disk may
// leave it: without the write, with it, or with some of its pages.
//
// The goroutines of raft and of raftlog.Ahead call it; slow, stalled and failing are the
// world's.
type logDisk struct {
	raft.LogStore
	world *world
	name  string

	mu      sync.Mutex
	count   uint64
	pending []*write // under way, in the order in which they came
	dead    bool     // nothing is written any more

	slow    time.Duration // added to each write
	stalled int           // how many faults keep it from writing anything
	failing bool          // every write fails
	waiting []*write      // while stalled
}

// write is one that is under way.
type write struct {
	store func() error
	done  chan error
	early bool // it was done at its beginning
}

var (
	errDead = errors.New("the process has ended")
	errIO   = errors.New("input/output error")
)

// StoreLogs implements raft.LogStore.
func (d *logDisk) StoreLogs(logs []*raft.Log) error {
	return d.write(fmt.Sprintf("store %d-%d", logs[0].Index, logs[len(logs)-1].Index), func() error { return d.LogStore.StoreLogs(logs) })
}

// StoreLog implements raft.LogStore.
func (d *logDisk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

// DeleteRange implements raft.LogStore.
func (d *logDisk) DeleteRange(min, max uint64) error {
	return d.write(fmt.Sprintf("cut %d-%d", min, max), func() error { return d.LogStore.DeleteRange(min, max) })
}

// IsMonotonic implements raft.MonotonicLogStore.
func (d *logDisk) IsMonotonic() bool {
	m, ok := d.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

func (d *logDisk) write(what string, store func() error) error {
	w := &write{store: store, done: make(chan error, 1)}
	d.mu.Lock()
	if d.dead {
		d.mu.Unlock()
		return errDead
	}
	d.count++
	n := d.count
	d.mu.Unlock()
	d.world.post(step{kind: "writes of the log", who: d.name, n: n, what: what, do: func() { d.begin(w, n) }})
	return <-w.done
}

// begin is a step: the write has got to the disk.
func (d *logDisk) begin(w *write, n uint64) {
	if d.over() {
		w.done <- errDead
		return
	}
	d.mu.Lock()
	d.pending = append(d.pending, w)
	d.mu.Unlock()
	if d.stalled > 0 {
		d.waiting = append(d.waiting, w)
		return
	}
	r := d.world.draw(d.name, n)
	if w.early = !d.failing && r.IntN(2) == 0; w.early {
		if err := w.store(); err != nil {
			d.end(w, err)
			return
		}
	}
	took := 300*time.Microsecond + time.Duration(r.Int64N(int64(time.Millisecond)))
	if r.IntN(40) == 0 {
		took += time.Duration(r.Int64N(int64(60 * time.Millisecond)))
	}
	d.world.post(step{kind: "writes of the log", who: d.name, n: n, delay: func() time.Duration { return took + d.slow }, what: "synced", do: func() { d.finish(w) }})
}

// finish is a step: the write is on the disk.
func (d *logDisk) finish(w *write) {
	switch {
	case d.over(): // kill has answered
	case d.failing && !w.early:
		d.end(w, errIO)
	case w.early:
		d.end(w, nil)
	default:
		d.end(w, w.store())
	}
}

func (d *logDisk) end(w *write, err error) {
	d.mu.Lock()
	d.pending = slices.DeleteFunc(d.pending, func(p *write) bool { return p == w })
	d.mu.Unlock()
	w.done <- err
}

func (d *logDisk) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// goOn ends a stall.
func (d *logDisk) goOn() {
	waiting := d.waiting
	d.waiting = nil
	for _, w := range waiting {
		d.finish(w)
	}
}

// kill ends the life of the disk's member, and copies its folder, as it is found
// afterwards, to another. Where power fails a write that is under way may have done some
// of its work.
func (d *logDisk) kill(from, to string, power bool, r *rand.Rand) (how string, err error) {
	pending := d.die()
	defer answerAll(pending)
	var torn *image
	how = "nothing is under way"
	for _, w := range pending {
		if w.early {
			how = "the write is there"
			continue
		}
		// bbolt has one after the other: of those behind one that is lost there is nothing.
		choice := r.IntN(3)
		switch {
		case choice == 0 || choice == 1 && !power:
			how = "the write is lost"
		case choice == 1:
			how = "the write is torn"
			torn, err = d.torn(filepath.Join(from, logFile), w.store, r)
		default:
			how = "the write is there"
			err = w.store()
			if err == nil {
				continue
			}
		}
		break
	}
	if err == nil {
		err = copyFolder(from, to)
	}
	if err == nil && torn != nil {
		err = torn.write(filepath.Join(to, logFile))
	}
	return how, err
}

// die has nothing written any more, and returns what was under way.
func (d *logDisk) die() []*write {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	pending := d.pending
	d.pending = nil
	return pending
}

func answerAll(pending []*write) {
	for _, w := range pending {
		w.done <- errDead
	}
}

// torn is the file after some of a write.
func (d *logDisk) torn(path string, store func() error, r *rand.Rand) (*image, error) {
	before, err := readImage(path)
	if err != nil {
		return nil, err
	}
	if err := store(); err != nil {
		return nil, err
	}
	after, err := readImage(path)
	if err != nil {
		return nil, err
	}
	return tear(before, after, r), nil
}

const (
	logFile = "raft.db"
	page    = 4096 // bbolt's
)

// tear is the file in the middle of one of bbolt's commits: pages are written and synced,
// and then the meta page that makes them count. So either some of the pages are there and
// the meta is not, or all are, and the meta perhaps.
func tear(before, after *image, r *rand.Rand) *image {
	out := &image{bytes.Clone(after.data), after.size}
	synced := r.IntN(4) == 0
	for at := 0; at < len(out.data); at += page {
		end := min(at+page, len(out.data))
		was := make([]byte, end-at)
		if at < len(before.data) {
			copy(was, before.data[at:])
		}
		meta := at < 2*page
		there := synced || !meta && r.IntN(2) == 0
		if meta && synced {
			there = r.IntN(2) == 0
		}
		if !there {
			copy(out.data[at:end], was)
		}
	}
	return out
}

// abandon ends the life of the disk's member without a copy.
func (d *logDisk) abandon() { answerAll(d.die()) }

// image is what a file has, without the room at its end that was never written.
type image struct {
	data []byte
	size int64
}

func readImage(path string) (*image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	i := &image{size: info.Size()}
	end := writtenTo(f, i.size)
	i.data = make([]byte, end)
	_, err = f.ReadAt(i.data, 0)
	return i, err
}

// writtenTo is where the last part of a file ends that was written, as far as the file
// system tells.
func writtenTo(f *os.File, size int64) (end int64) {
	const seekData, seekHole = 3, 4
	for end < size {
		data, err := f.Seek(end, seekData)
		switch {
		case errors.Is(err, syscall.ENXIO): // zeros from here on
			return end
		case err != nil:
			return size
		}
		if end, err = f.Seek(data, seekHole); err != nil {
			return size
		}
	}
	return end
}

func (i *image) write(path string) error {
	if err := os.WriteFile(path, i.data, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, i.size)
}

// copyFolder copies files and folders.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		i, err := readImage(path)
		if err != nil {
			return err
		}
		return i.write(filepath.Join(to, name))
	})
}

// pages is a file whose pages begin with these texts.
func pages(texts ...string) (data []byte) {
	for _, text := range texts {
		data = append(data, append([]byte(text), make([]byte, page-len(text))...)...)
	}
	return data
}
