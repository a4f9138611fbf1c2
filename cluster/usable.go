package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/bpsc/bpsc/internal/durable"
)

// A member that went back in time, or holds another history than others, leaves
// a mark in its directory and does not start on it again. Otherwise it could be
// ready the next time, when those who know better are away.
const stoppedFile = "stopped.json"

// stopped is the content of the mark.
type stopped struct {
	Reason   string `json:"reason"`
	Diverged bool   `json:"diverged"`
}

// checkUsable refuses a directory with a mark.
func checkUsable(dir string) error {
	path := filepath.Join(dir, stoppedFile)
	var s stopped
	switch err := durable.ReadSealed(path, &s); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return damaged(path, err)
	}
	kind := ErrWentBack
	if s.Diverged {
		kind = ErrDiverged
	}
	return fmt.Errorf("%w: this member has stopped for good, says %s: %s", kind, path, s.Reason)
}

// markStopped leaves the mark.
func markStopped(dir string, reason error) error {
	return durable.WriteSealed(filepath.Join(dir, stoppedFile),
		stopped{Reason: reason.Error(), Diverged: errors.Is(reason, ErrDiverged)})
}
