//go:build unix

package main

import "syscall"

// openFiles is how many files this process may have open. Go has raised the limit
// to the highest that is allowed before main began.
func openFiles() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return int(min(uint64(limit.Cur), maxFiles)), nil
}
