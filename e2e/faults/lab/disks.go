package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/disk"
	"github.com/bpsc/bpsc/e2e/faults/plan"
)

// mount puts a disk that can fail under each member's folder.
func (w *World) mount() error {
	for _, m := range w.Cluster.Members {
		below := filepath.Join(w.Dir, "disk-"+m.ID)
		if err := errors.Join(os.MkdirAll(below, 0o700), os.MkdirAll(m.Data, 0o700)); err != nil {
			return err
		}
		d, err := disk.Mount(m.Data, below)
		if err != nil {
			return err
		}
		w.disks[m.ID] = d
	}
	return nil
}

// failing says what each fault of a disk is.
var failing = map[string]disk.Fault{
	"disk-slow":      {Slow: 150 * time.Millisecond},
	"disk-stall":     {Stall: true},
	"disk-full":      {Write: syscall.ENOSPC},
	"disk-eio-write": {Write: syscall.EIO},
	"disk-eio-sync":  {Sync: syscall.EIO},
	"disk-eio-read":  {Read: syscall.EIO},
	"disk-lies":      {Lie: true},
}

// strikeDisk has a member's disk fail. Its member may end then, at every start; it is not to
// be counted on.
func (w *World) strikeDisk(_ context.Context, s plan.Step, i int) (struck, error) {
	m := w.Cluster.Members[i]
	d := w.disks[m.ID]
	if d == nil {
		return struck{}, errors.New("it takes a disk that can fail")
	}
	w.mark(m.ID, s.Fault, true)
	w.excuse[m.ID] = true
	d.Set(failing[s.Fault])
	if s.Fault == "disk-eio-read" {
		d.Forget() // or all that a member reads is in memory
	}
	return struck{m.ID, func(context.Context) error {
		defer w.mark(m.ID, s.Fault, false)
		if s.Fault != "disk-lies" {
			d.Set(disk.Fault{})
			return nil
		}
		// The machine loses power, and the disk what it has only said to have.
		err := m.Kill()
		lost, e := d.Power(float64(s.Pick%100) / 100)
		d.Set(disk.Fault{})
		w.Tell("power", 0, "%s has lost its %d newest writes", m.ID, lost)
		w.damage[m.ID] = "its disk lost what it had said to have synced"
		w.mark(m.ID, "damaged", true)
		return errors.Join(err, e)
	}}, nil
}
