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
