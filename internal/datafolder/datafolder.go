// Package datafolder locks a node's data folder, and tells how it was left.
package datafolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/bpsc/bpsc/internal/durable"
)

// Folder is a data folder that this process has to itself: its file LOCK is
// locked. A node that serves from it writes into that file which file it is, and
// empties it when it has stopped in order. So a copy that was made while the node
// ran is known as one: it has the text, in another file.
type Folder struct {
	lock   *flock.Flock
	serves bool
}

// ErrInUse: another process has the folder.
var ErrInUse = errors.New("another process uses")

// Take locks a folder. It fails with ErrInUse while another process has it.
func Take(dir string) (*Folder, error) {
	f := &Folder{lock: flock.New(filepath.Join(dir, "LOCK"))}
	switch ok, err := f.lock.TryLock(); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("%w %s", ErrInUse, dir)
	}
	return f, nil
}

// Serve notes that a node changes the folder from now on, until Release.
func (f *Folder) Serve() error {
	id, err := durable.FileID(f.lock.Path())
	if err != nil {
		return err
	}
	f.serves = true
	return f.write(id)
}

// Left is how a folder was left.
type Left int

const (
	Stopped Left = iota // by a node that stopped in order, or never used
	Killed              // by a node that was killed: what is on the disk fits together
	Copied              // it is a copy of the folder of a node that ran, or had been killed
)

// Left tells how the folder was left before it was taken, until Serve is called.
func (f *Folder) Left() (Left, error) {
	noted, err := os.ReadFile(f.lock.Path())
	if err != nil || len(noted) == 0 {
		return Stopped, err
	}
	id, err := durable.FileID(f.lock.Path())
	if string(noted) != id {
		return Copied, err
	}
	return Killed, err
}

// Release gives the folder back.
func (f *Folder) Release() error {
	var err error
	if f.serves {
		err = f.write("")
	}
	return errors.Join(err, f.lock.Close())
}

// write changes the locked file in place: one beside it would be another file.
func (f *Folder) write(text string) error {
	file, err := os.OpenFile(f.lock.Path(), os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
