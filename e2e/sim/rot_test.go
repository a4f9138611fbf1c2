package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/store"
)

// flip is a bit of a member's file that is another than it was.
type flip struct {
	files disk
	name  string
	at    int64
	mask  byte
	wrote byte // what stands there since
}

// disk is what a bit can flip on: the files of a member's state, or those beside them.
type disk interface {
	list() ([]string, error)
	size(name string) (int64, error)
	get(name string, at int64) (byte, error)
	set(name string, at int64, b byte) error
}

// rot kills a member, flips one bit of its log's side or of its state, and starts it again.
// It may refuse: then it stays down until somebody comes. Or it goes on, as the bit is one
// that nobody needs, or one that it will meet: then it ends. What it never does is to
// serve what the bit has made (checkHistory). In the end the bit is flipped back.
func (s *simulation) rot(i int, f fault) (end func()) {
	m := s.members[f.On]
	if m.rot != nil {
		return func() {}
	}
	s.kill(m, false)
	r := s.world.draw("rot", uint64(i))
	var on disk = realDisk{m}
	if f.Kind == rotState {
		on = memoryDisk{m}
	}
	bit, err := flipOne(on, r)
	if err != nil {
		s.fail("the simulation itself: %v", err)
		return func() {}
	}
	if bit == nil { // there is nothing yet
		return func() { s.restart(m) }
	}
	s.world.trace.tell(s.world.since(), m.name, fmt.Sprintf("a bit flips in %s at %d", bit.name, bit.at))
	s.reach("a bit flips")
	m.rot = bit
	s.restart(m)
	return func() {
		m.rot = nil
		if m.life != nil && f.Kind == rotLog {
			// It has read all of it, and goes on: it is none that counts, and what is
			// there now may be something new.
			s.reach("a bit flips that nobody needs")
			return
		}
		if err := bit.undo(); err != nil {
			s.fail("the simulation itself: %v", err)
		}
		s.restart(m)
	}
}

// noticed tells whether a life ends for a bit that has flipped, as it should.
func (l *life) noticed(err error) bool {
	return l.rotten && (errors.Is(err, store.ErrDamaged) || errors.Is(err, cluster.ErrDamaged))
}

// flipOne flips a bit of a byte that is not zero, if there is one: most of the rest has
// never been written.
func flipOne(on disk, r *rand.Rand) (*flip, error) {
	names, err := on.list()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	slices.Sort(names)
	for range 100 {
		name := names[r.IntN(len(names))]
		size, err := on.size(name)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			continue
		}
		at := r.Int64N(size)
		was, err := on.get(name, at)
		if err != nil {
			return nil, err
		}
		if was == 0 {
			continue
		}
		bit := &flip{files: on, name: name, at: at, mask: 1 << r.IntN(8)}
		bit.wrote = was ^ bit.mask
		return bit, on.set(name, at, bit.wrote)
	}
	return nil, nil
}

// undo flips it back, unless something else is there by now.
func (f *flip) undo() error {
	is, err := f.files.get(f.name, f.at)
	if errors.Is(err, os.ErrNotExist) || err == nil && is != f.wrote {
		return nil
	}
	if err != nil {
		return err
	}
	return f.files.set(f.name, f.at, f.wrote^f.mask)
}

// realDisk has the files beside the state, of the member's latest life.
type realDisk struct{ *member }

func (d realDisk) list() (names []string, err error) {
	entries, err := os.ReadDir(d.folder)
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d realDisk) size(name string) (int64, error) {
	i, err := readImage(filepath.Join(d.folder, name))
	if err != nil {
		return 0, err
	}
	return int64(len(i.data)), nil
}

func (d realDisk) get(name string, at int64) (byte, error) {
	f, err := os.Open(filepath.Join(d.folder, name))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	return b[0], err
}

func (d realDisk) set(name string, at int64, b byte) error {
	f, err := os.OpenFile(filepath.Join(d.folder, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte{b}, at)
	return errors.Join(err, f.Close())
}

// memoryDisk has the files of the state.
type memoryDisk struct{ *member }

func (d memoryDisk) list() (names []string, err error) {
	var walk func(dir string) error
	walk = func(dir string) error {
		entries, err := d.files.List(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := d.files.PathJoin(dir, e)
			info, err := d.files.Stat(name)
			if err != nil {
				return err
			}
			if !info.IsDir() {
				names = append(names, name)
			} else if err := walk(name); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk("state"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return names, nil
}

func (d memoryDisk) size(name string) (int64, error) {
	info, err := d.files.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (d memoryDisk) get(name string, at int64) (byte, error) {
	f, err := d.files.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	return b[0], err
}

func (d memoryDisk) set(name string, at int64, b byte) error {
	f, err := d.files.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte{b}, at)
	return errors.Join(err, f.Sync(), f.Close())
}
