//go:build unix

package durable

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// owners says whose a file is, and who this process is.
func owners(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf(" and belongs to user %d, group %d, while this process is user %d, group %d", s.Uid, s.Gid, os.Geteuid(), os.Getegid())
}

// FileID tells files apart, also those whose content is the same. Renaming a file
// keeps it, copying gives another.
func FileID(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", nil
	}
	return fmt.Sprintf("file %d on device %d\n", s.Ino, s.Dev), nil
}
