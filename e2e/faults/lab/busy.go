package lab

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// Bounds of time are for a machine whose processors are the laboratory's: it has about own programs for each that
// want to run. Where there are more others are at work, and all gets that much less of the processors and takes that
// much longer. Beyond stretch times a bound says little, and one that grew on would find nothing.
const (
	own     = 3.0
	stretch = 4.0
)

// slower is how much longer all takes where so many programs want to run.
func slower(load float64, processors int) float64 {
	return min(max(load/(own*float64(processors)), 1), stretch)
}

// fair is a bound as it is to be judged now.
func (w *World) fair(bound time.Duration) time.Duration {
	load, err := busy()
	if err != nil {
		return bound
	}
	by := slower(load, runtime.NumCPU())
	if by > 1 && !w.crowd {
		w.crowd = true
		w.Tell("crowded", 0, "%.0f programs want the %d processors: others are at work, and bounds of time are %.1f times as long", load, runtime.NumCPU(), by)
	}
	return time.Duration(by * float64(bound)).Round(time.Millisecond)
}

// busy is how many programs wanted to run, in the last minute.
func busy() (load float64, err error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, err = fmt.Sscan(string(text), &load)
	}
	return load, err
}
