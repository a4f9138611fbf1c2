//go:build !linux

package disk

import "errors"

// Mounted is a disk in its place, which takes Linux.
type Mounted struct{ *Disk }

// Mount says that there is none here.
func Mount(string, string) (*Mounted, error) { return nil, errors.ErrUnsupported }

// Forget has nothing to do.
func (m *Mounted) Forget() {}

// Close is the same.
func (m *Mounted) Close() error { return nil }
