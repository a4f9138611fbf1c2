// Package secretfile reads files that hold secrets: a token, a private key.
package secretfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

var (
	// ErrExposed: others than the owner and the group of a file may read or write it.
	ErrExposed = errors.New("everybody on this machine may read or change this file, which holds a secret")
	// ErrChangeable: others than the owner of a file may write it.
	ErrChangeable = errors.New("others than its owner may change this file, which says whom secrets are sent to")
	// ErrTooLarge: it has more bytes than a secret of its kind.
	ErrTooLarge = errors.New("it is too large for what it is to hold")
)

// What the permissions of a file give to everybody, and the right of its group to write it.
const (
	others     fs.FileMode = 0o007
	groupWrite fs.FileMode = 0o020
)

// Read reads all of a file of limit bytes at most. One that everybody may read is
// refused, and the error says how to change that. The group may, which is how a secret is
// handed to a service by root.
func Read(path string, limit int) ([]byte, error) { return read(path, limit, 0) }

// ReadOwn is Read of a file that says whom secrets are sent to. One that the group may
// write is refused, too.
func ReadOwn(path string, limit int) ([]byte, error) { return read(path, limit, groupWrite) }

// read refuses a file that gives everybody anything, or the group what is refused to it.
func read(path string, limit int, refused fs.FileMode) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := check(path, info, refused); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(text) > limit {
		return nil, fmt.Errorf("%s: %w: over %d bytes", path, ErrTooLarge, limit)
	}
	return text, nil
}

// check looks at regular files only: a pipe has no name by which others could open it.
func check(path string, info fs.FileInfo, refused fs.FileMode) error {
	mode := info.Mode().Perm()
	switch {
	case runtime.GOOS == "windows" || !info.Mode().IsRegular():
		return nil
	case mode&others != 0:
		return fmt.Errorf("%s: %w (its mode is %04o): chmod o= %s", path, ErrExposed, mode, path)
	case mode&refused != 0:
		return fmt.Errorf("%s: %w (its mode is %04o): chmod g-w %s", path, ErrChangeable, mode, path)
	}
	return nil
}
