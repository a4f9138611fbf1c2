// Package rlimit says what the system lets this process have.
package rlimit

// Limits are the soft limits of a process. 0 is none, or none that could be asked for.
type Limits struct {
	OpenFiles uint64 // sockets included
	FileSize  uint64 // bytes
	Memory    uint64 // bytes of address space
}
