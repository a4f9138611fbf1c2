package harness

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Memory is what a process holds in RAM, in bytes.
type Memory struct{ Now, Peak int64 }

// Memory asks the kernel; Linux only.
func (p *Process) Memory() (m Memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.process.Process.Pid))
	if err != nil {
		return m, err
	}
	if m.Now, err = kibibytes(text, "VmRSS:"); err != nil {
		return m, err
	}
	m.Peak, err = kibibytes(text, "VmHWM:")
	return m, err
}

// kibibytes reads a line such as "VmRSS:     5120 kB", in bytes.
func kibibytes(status []byte, name string) (int64, error) {
	_, rest, found := bytes.Cut(status, []byte("\n"+name))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("the status of the process has no %s", name)
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10, err
}
