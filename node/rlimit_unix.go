//go:build unix

package node

import (
	"math"
	"syscall"

	"github.com/bpsc/bpsc/api"
)

// limits reads what the system lets this process have.
func limits(p *api.ProcessStatus) {
	for resource, to := range map[int]*uint64{
		syscall.RLIMIT_NOFILE: &p.OpenFileLimit, syscall.RLIMIT_FSIZE: &p.FileSizeLimit, syscall.RLIMIT_AS: &p.MemoryLimit,
	} {
		var limit syscall.Rlimit
		if syscall.Getrlimit(resource, &limit) != nil {
			continue
		}
		if soft := uint64(limit.Cur); soft < math.MaxInt64 { //nolint:unconvert // signed on FreeBSD
			*to = soft
		}
	}
}

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
