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
	// ErrTooLarge: it has more bytes than a secret of its kind.
	ErrTooLarge = errors.New("it is too large for what it is to hold")
)

// others is what the permissions of a file give to everybody.
const others fs.FileMode = 0o007

// Read reads all of a file of limit bytes at most. One that everybody may read is
// refused, and the error says how to change that. The group may, which is how a secret is
// handed to a service by root.
func Read(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := check(path, info); err != nil {
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
func check(path string, info fs.FileInfo) error {
	if runtime.GOOS == "windows" || !info.Mode().IsRegular() || info.Mode().Perm()&others == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w (its mode is %04o): chmod o= %s", path, ErrExposed, info.Mode().Perm(), path)
}
