// Package bubble is for tests whose time is that of a testing/synctest bubble.
package bubble

import (
	"testing/synctest"
	"time"
)

// Pass lets so much of a bubble's time go by, and returns once all that fell due has been done:
// every other goroutine of the bubble waits again. It takes no time, and waits for nothing that
// is outside. Outside of a bubble it panics. One goroutine of a bubble calls it at a time.
func Pass(d time.Duration) {
	synctest.Wait() // which is what panics
	time.Sleep(d)
	synctest.Wait()
}
