package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bpsc/bpsc/internal/durable"
)

// An error of the operating system comes with what to do, however deep it is
// wrapped; damage and a missing file do not.
func TestAdvice(t *testing.T) {
	for number, says := range map[syscall.Errno]string{
		syscall.EROFS: "read-only", syscall.ENOSPC: "full", syscall.EDQUOT: "quota", syscall.EIO: "disk",
		syscall.EMFILE: "ulimit -n", syscall.ENFILE: "fs.file-max", syscall.ETXTBSY: "another program",
		syscall.EACCES: "not allowed", syscall.EPERM: "not allowed",
	} {
		err := fmt.Errorf("opening: %w", errors.Join(errors.New("x"), &fs.PathError{Op: "open", Path: "/nowhere/file", Err: number}))
		if advice, ok := durable.Advice(err); !ok || !strings.Contains(advice, says) {
			t.Errorf("%v: %q, %v", number, advice, ok)
		}
	}
	for _, err := range []error{durable.ErrSeal, fs.ErrNotExist, syscall.ENOENT, nil} {
		if advice, ok := durable.Advice(err); ok {
			t.Errorf("%v: %q", err, advice)
		}
	}
}

// Who is not allowed is told whose the file is, or the folder that hides it.
func TestAdviceNamesTheOwner(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "hidden", "deep")} {
		advice, _ := durable.Advice(&fs.PathError{Op: "open", Path: path, Err: syscall.EACCES})
		if want := fmt.Sprintf("%s has mode 0755 and belongs to user %d", dir, os.Getuid()); !strings.Contains(advice, want) {
			t.Errorf("%s: %q does not say %q", path, advice, want)
		}
	}
}
