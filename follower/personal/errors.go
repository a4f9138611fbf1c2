package personal

import "errors"

var (
	// ErrInvalid: the information is not JSON that has one canonical text. The
	// error wraps the reason of package pyjson as well.
	ErrInvalid = errors.New("personal: the information cannot be stored")
	// ErrTooLarge: the information is larger than MaxInformation.
	ErrTooLarge = errors.New("personal: the information is too large")
	// ErrFull: the next block has no room for it. Forge it, then add again.
	ErrFull = errors.New("personal: the next block is full: forge it first")
	// ErrDamaged: the file is not as it was written.
	ErrDamaged = errors.New("personal: the file is damaged")
	// ErrInUse: another process has the file open.
	ErrInUse = errors.New("personal: another process has the file open")
	// ErrBroken: a write failed, so what is on disk is not certain. The chain
	// can be read, and written again once it has been opened anew.
	ErrBroken = errors.New("personal: a write failed")
	// ErrClosed: the chain has been closed.
	ErrClosed = errors.New("personal: the chain is closed")
)
