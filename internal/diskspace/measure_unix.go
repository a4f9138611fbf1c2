//go:build unix && !netbsd && !solaris && !illumos && !openbsd && !aix

package diskspace

import (
	"io/fs"
	"syscall"
)

// measure asks the operating system about the file system of a folder.
func measure(dir string) (usage, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return usage{}, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	block := uint64(s.Bsize)                                                           //nolint:unconvert // of another type elsewhere
	return usage{free: uint64(s.Bavail) * block, total: uint64(s.Blocks) * block}, nil //nolint:unconvert // of another type elsewhere
}
