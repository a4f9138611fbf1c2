package durable

import (
	"errors"
	"fmt"
	"syscall"
)

// Unread tells of an error that was a panic whether it was one for a page of a mapped file that the
// disk did not give, which is SIGBUS, and a panic under debug.SetPanicOnFault; it is then EIO, as of
// a read. Any other error it returns as it is. It is for files whose structure was found sound
// before: a library that believes a damaged one reads beyond its map, and panics alike.
func Unread(err error) error {
	var fault interface {
		error
		Addr() uintptr
	}
	if errors.As(err, &fault) {
		return fmt.Errorf("reading a mapped page: %w", syscall.EIO)
	}
	return err
}
