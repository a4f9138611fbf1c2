//go:build !linux

package loadgen

import "context"

// drive sends until the time is up.
func (r *run) drive(ctx context.Context) { r.driveEach(ctx) }
