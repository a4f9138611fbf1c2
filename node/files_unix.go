//go:build unix

package node

import "syscall"

// openFiles is limit, or where that is 0 what this process may have open. Go has
// raised that to the highest that is allowed before main began.
func openFiles(limit int) (int, error) {
	if limit != 0 {
		return limit, nil
	}
	var process syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &process); err != nil {
		return 0, err
	}
	return int(min(uint64(process.Cur), maxFiles)), nil //nolint:unconvert // signed on FreeBSD
}
