package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/bpsc/bpsc/internal/durable"
)

// folder is a data folder that this process has to itself: its file LOCK is
// locked. A node that serves from it writes into that file which file it is, and
// empties it when it has stopped in order. So a copy that was made while the node
// ran is known as one: it has the text, in another file.
type folder struct {
	lock   *flock.Flock
	serves bool
}

func takeFolder(dir string) (*folder, error) {
	f := &folder{lock: flock.New(filepath.Join(dir, "LOCK"))}
	switch ok, err := f.lock.TryLock(); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("another process uses %s", dir)
	}
	return f, nil
}

// serve notes that a node changes the folder from now on, until release.
func (f *folder) serve() error {
	id, err := durable.FileID(f.lock.Path())
	if err != nil {
		return err
	}
	f.serves = true
	return f.write(id)
}

// left is how a folder was left.
type left int

const (
	stopped left = iota // by a node that stopped in order, or never used
	killed              // by a node that was killed: what is on the disk fits together
	copied              // it is a copy of the folder of a node that ran, or had been killed
)

func (f *folder) left() (left, error) {
	noted, err := os.ReadFile(f.lock.Path())
	if err != nil || len(noted) == 0 {
		return stopped, err
	}
	id, err := durable.FileID(f.lock.Path())
	if string(noted) != id {
		return copied, err
	}
	return killed, err
}

// release gives the folder back.
func (f *folder) release() error {
	var err error
	if f.serves {
		err = f.write("")
	}
	return errors.Join(err, f.lock.Close())
}

// write changes the locked file in place: one beside it would be another file.
func (f *folder) write(text string) error {
	file, err := os.OpenFile(f.lock.Path(), os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
