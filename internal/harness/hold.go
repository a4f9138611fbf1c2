package harness

import (
	"errors"
	"os"
	"syscall"
)

// Held is a patch's text that waits in program, the name of package os there, for as long as the file at the
// Go expression path is one of Hold.
func Held(program, path string) string {
	return "\tif held, err := " + program + ".Open(" + path + "); err == nil {\n\t\t_ = held.Close()\n\t}\n"
}

// Hold holds up whoever opens path for reading, until it is released: a pipe is opened when both ends are.
func Hold(path string) error { return syscall.Mkfifo(path, 0o600) }

// Release lets go all that Hold holds up, and holds up nobody any more.
func Release(path string) error {
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // both ends, so it waits for nobody
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(path), pipe.Close())
}
