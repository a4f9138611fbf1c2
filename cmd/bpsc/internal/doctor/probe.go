package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bpsc/bpsc/internal/latency"
)

// The probe of a disk: as many writes as tell a p99 from the worst, of a block of the
// log each, and no longer than a busy disk takes for some.
const (
	probeWrites = 200
	probeBytes  = 8 << 10
	probeTime   = 3 * time.Second
)

// logFolder is where a member with that data folder has its log, which may be another
// disk's; the folder itself where there is none.
func logFolder(data string) string {
	dir := filepath.Join(data, "raft")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return data
	}
	return dir
}

// probeDisk measures how long a write to a file in dir takes until it is on the disk.
// The file has no name that lasts: it is removed before it is written to, where the
// system allows that, and else afterwards.
func probeDisk(ctx context.Context, dir string) (latency.Summary, error) {
	var took latency.Histogram
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return latency.Summary{}, err
	}
	removed := os.Remove(f.Name())
	block := make([]byte, probeBytes)
	end := time.Now().Add(probeTime)
	for i := 0; err == nil && i < probeWrites && time.Now().Before(end); i++ {
		began := time.Now()
		if _, err = f.WriteAt(block, int64(i)*probeBytes); err == nil {
			err = f.Sync()
		}
		took.Observe(time.Since(began))
		err = errors.Join(err, ctx.Err())
	}
	err = errors.Join(err, f.Close())
	if removed != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	if err != nil {
		return latency.Summary{}, fmt.Errorf("%s: %w", dir, err)
	}
	return took.Summary(), nil
}
