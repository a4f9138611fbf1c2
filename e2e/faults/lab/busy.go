package lab

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// Bounds of time are for a machine whose processors are the laboratory's. It has about three
// programs that want to run for each of two processors; where there are more than crowded, others
// do, and bounds are stretched.
const (
	crowded = 6
	stretch = 4
)

// fair is a bound as it is to be judged now.
func (w *World) fair(bound time.Duration) time.Duration {
	load, err := busy()
	if err != nil || load < crowded*float64(runtime.NumCPU()) {
		return bound
	}
	if !w.crowd {
		w.crowd = true
		w.Tell("crowded", 0, "%.0f programs want the %d processors: others are at work, and bounds of time are %d times as long", load, runtime.NumCPU(), stretch)
	}
	return stretch * bound
}

// busy is how many programs wanted to run, in the last minute.
func busy() (load float64, err error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, err = fmt.Sscan(string(text), &load)
	}
	return load, err
}
