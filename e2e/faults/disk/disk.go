// Package disk is a file system that passes everything on to a folder, and fails as it is told:
// slowly, not at all, with an error, without room, or by saying that it has synced what it has
// not. It takes Linux, /dev/fuse and root.
package disk

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// Fault is what is wrong with a disk.
type Fault struct {
	Slow  time.Duration // each write and each sync takes so long
	Stall bool          // they do not end before the fault does
	Write syscall.Errno // what writes fail with; of ENOSPC there is no room either
	Sync  syscall.Errno // what syncs fail with
	Read  syscall.Errno // what reads fail with, of what is not in memory
	Lie   bool          // a sync does nothing, and says that it has; Power undoes what was written
}

// Disk is one. Its methods may be called by many at once.
type Disk struct {
	mu      sync.Mutex // guards what follows
	fault   Fault
	changed chan struct{} // closed when the fault changes
	undo    []change      // what was written while it lied, oldest first
}

// change is what one write replaced.
type change struct {
	file *os.File // of the folder below, its own
	at   int64
	old  []byte
	size int64
	node notifier
}

// notifier has the kernel forget what it knows of a file.
type notifier interface {
	NotifyContent(off, n int64) syscall.Errno
}

// NewDisk is one that nothing is wrong with.
func NewDisk() *Disk { return &Disk{changed: make(chan struct{})} }

// Set says what is wrong from now on. Where it lied before, what was written is synced now,
// for Power to find nothing.
func (d *Disk) Set(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
	close(d.changed)
	d.changed = make(chan struct{})
	for _, c := range d.undo {
		_ = c.file.Close()
	}
	d.undo = nil
}

// Power is a loss of power: of what was written while the disk lied, the last share is gone.
// Nobody may have the disk's files open. It returns how many writes are lost.
func (d *Disk) Power(share float64) (lost int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	keep := int(float64(len(d.undo)) * (1 - share))
	for i := len(d.undo) - 1; i >= 0; i-- {
		c := d.undo[i]
		if i >= keep {
			lost++
			if _, e := c.file.WriteAt(c.old, c.at); e != nil {
				err = e
			}
			if e := c.file.Truncate(c.size); e != nil {
				err = e
			}
			_ = c.node.NotifyContent(0, 0) // where that fails the kernel knows nothing of it
		}
		_ = c.file.Close()
	}
	d.undo = nil
	return lost, err
}

// pass waits as the fault wants, and says how an operation is to fail; 0: not at all.
func (d *Disk) pass(ctx context.Context, fails func(Fault) syscall.Errno) syscall.Errno {
	for {
		d.mu.Lock()
		f, changed := d.fault, d.changed
		d.mu.Unlock()
		if f.Stall {
			select {
			case <-changed:
				continue
			case <-ctx.Done(): // the process is killed
				return syscall.EINTR
			}
		}
		if f.Slow > 0 {
			wait := time.NewTimer(f.Slow)
			select {
			case <-wait.C:
			case <-changed:
			case <-ctx.Done():
			}
			wait.Stop()
		}
		return fails(f)
	}
}

func write(f Fault) syscall.Errno { return f.Write }
func fsync(f Fault) syscall.Errno { return f.Sync }

// unread is what a read fails with now.
func (d *Disk) unread() syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault.Read
}

// lies tells whether syncs are lies at the moment.
func (d *Disk) lies() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault.Lie
}

// full tells whether there is no room.
func (d *Disk) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault.Write == syscall.ENOSPC
}

// remember keeps what a write, or a change of the size, is about to replace.
func (d *Disk) remember(path string, node notifier, at, n int64) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.fault.Lie {
		return 0
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return syscall.EIO
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return syscall.EIO
	}
	old := make([]byte, max(0, min(n, info.Size()-at)))
	if _, err := file.ReadAt(old, at); err != nil && len(old) > 0 {
		_ = file.Close()
		return syscall.EIO
	}
	d.undo = append(d.undo, change{file, at, old, info.Size(), node})
	return 0
}
