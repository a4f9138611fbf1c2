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
