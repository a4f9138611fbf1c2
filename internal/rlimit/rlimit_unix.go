//go:build unix

package rlimit

import (
	"math"
	"syscall"
)

// Read asks for the limits of this process. Go has raised that of files to the highest
// that is allowed before main began.
func Read() Limits {
	return Limits{
		OpenFiles: soft(syscall.RLIMIT_NOFILE),
		FileSize:  soft(syscall.RLIMIT_FSIZE),
		Memory:    soft(syscall.RLIMIT_AS),
	}
}

func soft(resource int) uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(resource, &limit) != nil {
		return 0
	}
	if cur := uint64(limit.Cur); cur < math.MaxInt64 { //nolint:unconvert // signed on FreeBSD
		return cur
	}
	return 0
}
