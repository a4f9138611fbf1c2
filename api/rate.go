package api

import (
	"sync"
	"time"
)

// forging bounds how fast blocks are made on request: for each contract as
// many at once as mineBurst, and one more every mineEvery.
type forging struct {
	mu sync.Mutex
	// until is when a contract's requests, each taking mineEvery, are all paid
	// for. It has a row for each contract at most.
	until map[string]time.Time
}

// take tells whether one more block may be asked for now.
func (f *forging) take(token string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil {
		f.until = map[string]time.Time{}
	}
	until := f.until[token]
	if until.Before(now) {
		until = now
	}
	if until.Sub(now) > (mineBurst-1)*mineEvery {
		return false
	}
	f.until[token] = until.Add(mineEvery)
	return true
}

func (f *forging) allow(token string) error {
	if f.take(token, time.Now()) {
		return nil
	}
	return ErrTooManyBlocks
}
