package diskspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

// lookEvery is how often a fence looks: one system call for each folder. At 100 MB/s
// a disk loses less than half of the default reserve meanwhile.
const lookEvery = time.Second

// floorPart is the part of the reserve below which nothing at all is written any
// more, so that what is under way can still end.
const floorPart = 4

// Fence tells whether there is room on the file systems of some folders. It closes
// where less than the reserve is free and opens again where a quarter more than that
// is: so a disk at the border does not open and close it all the time.
//
// One goroutine calls Run, which alone looks; mu guards what it found, and is not
// held while it looks, for a file system may hang.
type Fence struct {
	reserve Reserve
	dirs    []string
	log     *slog.Logger
	measure func(dir string) (usage, error)

	mu     sync.Mutex
	found  Space
	looked time.Time
}

// usage of a file system, in bytes.
type usage struct{ free, total uint64 }

// Space is what a fence found.
type Space struct {
	Dir     string // the folder whose file system has the least to spare
	Free    uint64 // bytes there, for who has no special rights
	Reserve uint64 // bytes that should stay free there
	Short   bool   // less than Reserve is free: nothing new is taken from clients
	None    bool   // so little is free that nothing is written at all
}

// NewFence returns a fence that looks at the file systems of these folders. One that
// does not exist is passed over: it is made later.
func NewFence(reserve Reserve, log *slog.Logger, dirs ...string) *Fence {
	return &Fence{reserve: reserve, dirs: dirs, log: log, measure: measure}
}

// Run looks again and again until ctx ends.
func (f *Fence) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.Look()
		}
	}
}

// Look measures now.
func (f *Fence) Look() {
	before := f.Space()
	defer f.note()
	var now Space
	for _, dir := range f.dirs {
		u, err := f.measure(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported):
			continue
		case err != nil:
			f.log.Warn("cannot tell how much room there is; it is taken as before", "folder", dir, "error", err)
			return
		}
		keep := f.reserve.of(u.total)
		s := Space{
			Dir: dir, Free: u.free, Reserve: keep,
			Short: below(u.free, keep, before.Short && before.Dir == dir),
			None:  below(u.free, keep/floorPart, before.None && before.Dir == dir),
		}
		if now.Dir == "" || s.scarcer(now) {
			now = s
		}
	}
	f.mu.Lock()
	f.found = now
	f.mu.Unlock()
	f.tell(before, now)
}

// note remembers that the file systems have answered, whatever it was.
func (f *Fence) note() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Now()
}

// Looked is when the file systems answered last.
func (f *Fence) Looked() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked
}

// below tells whether less is free than a bound, or, where it was before, not yet a
// quarter more.
func below(free, bound uint64, was bool) bool {
	if was {
		bound += bound / 4
	}
	return free < bound
}

// scarcer tells whether s is worse than o.
func (s Space) scarcer(o Space) bool {
	switch {
	case s.None != o.None:
		return s.None
	case s.Short != o.Short:
		return s.Short
	}
	return int64(s.Free)-int64(s.Reserve) < int64(o.Free)-int64(o.Reserve)
}

func (f *Fence) tell(before, now Space) {
	switch {
	case now.Short && !before.Short:
		f.log.Error("the disk is nearly full: no new writes are taken until there is room", "folder", now.Dir, "free", size(now.Free), "to stay free", size(now.Reserve))
	case now.None && !before.None:
		f.log.Error("the disk is as good as full: nothing is written any more", "folder", now.Dir, "free", size(now.Free))
	case before.Short && !now.Short:
		f.log.Info("there is room on the disk again", "folder", now.Dir, "free", size(now.Free))
	}
}

// Space is what was found last.
func (f *Fence) Space() Space {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found
}

// Err is an outcome.DiskFull with the figures while there is too little room, else
// nil. It names no folder: clients read it.
func (f *Fence) Err() error {
	if s := f.Space(); s.Short {
		return fmt.Errorf("%w: %s", outcome.DiskFull, s)
	}
	return nil
}

// String says how little room there is.
func (s Space) String() string {
	return fmt.Sprintf("%s of its disk are free, and %s are to stay free", size(s.Free), size(s.Reserve))
}

// Await returns once there is room, or ctx ends.
func (f *Fence) Await(ctx context.Context) error {
	if f.Err() == nil {
		return nil
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for f.Err() != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
