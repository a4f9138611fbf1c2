package cluster

import "sync"

// failure is the error for which the member must die, once there is one. Until
// it is armed it only keeps the error: while a member starts, there is a caller
// to tell.
//
// Safe for concurrent use.
type failure struct {
	then func(error) // called with the first error; nil to panic

	mu    sync.Mutex
	armed bool
	err   error
}

// report keeps the first error and, when armed, ends the process by it.
func (f *failure) report(err error) {
	f.mu.Lock()
	first := f.err == nil
	if first {
		f.err = err
	}
	act := first && f.armed
	f.mu.Unlock()
	switch {
	case !act:
	case f.then == nil:
		panic(err)
	default:
		f.then(err)
	}
}

// arm returns what went wrong until now; from now on errors end the process.
func (f *failure) arm() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
	return f.err
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
