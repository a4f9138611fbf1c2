//go:build !linux

// Package delay needs Linux.
package delay

import (
	"context"
	"errors"
	"time"
)

// Line is a machine to which packets take longer, which only Linux has.
type Line struct{}

// Start starts none here.
func Start(context.Context, string, time.Duration, ...string) (*Line, error) {
	return nil, errors.ErrUnsupported
}

func (l *Line) Close() error { return nil }

// Here tells why packets cannot be delayed on this machine.
func Here(context.Context) error { return errors.ErrUnsupported }
